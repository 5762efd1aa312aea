// SPDX-License-Identifier: Apache-2.0
// A pool under load, whose workers and nanny are killed at random, and an account of what became of every task.
#pragma once

#include <chrono>
#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "fanout/process_pool.hpp"

namespace fanout_test {

struct ordeal_plan {
  fanout::start_method start = fanout::start_method::forkserver;
  unsigned workers = 2;
  unsigned retries = 0;
  unsigned kills = 10;          ///< it ends after so many
  unsigned nannies_in_100 = 0;  ///< how many of those that are killed are nannies
  std::chrono::milliseconds between_kills{20};
  unsigned seed = 1;
};

/// Each task has one of these outcomes.
struct ordeal_account {
  std::size_t submitted = 0;
  std::size_t succeeded = 0;
  std::size_t died = 0;       // with worker_died
  std::size_t cancelled = 0;  // by us
  std::size_t broken = 0;     // with pool_broken: after the death of a nanny that cannot be replaced

  unsigned workers_killed = 0;
  unsigned nannies_killed = 0;
  std::size_t run_again = 0;  // how often a task was begun after its first time

  /// What must not be, in words: an outcome that is none of these, a result that is wrong, a task that ran more often
  /// than it may, more deaths than kills, a pool that does not work afterwards.
  std::vector<std::string> wrong;

  void add(const ordeal_account& other);
};
std::ostream& operator<<(std::ostream& out, const ordeal_account& a);

/// Returns when the pool is gone.
ordeal_account go_through(const ordeal_plan& plan);

}  // namespace fanout_test
