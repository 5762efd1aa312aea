// SPDX-License-Identifier: Apache-2.0
// What every pool does, of process_pool, however its workers are started.
#include "pool_suite.hpp"

#include <array>

#include "fanout/process_pool.hpp"
#include "support.hpp"

namespace fanout_test {
namespace {

struct processes {
  static constexpr std::array names{"process_pool_forkserver", "process_pool_spawn", "process_pool_fork"};
  static constexpr std::array starts{fanout::start_method::forkserver, fanout::start_method::spawn,
                                     fanout::start_method::fork};
  static constexpr bool runs_at_once = false;
  using environment = clean_process_test;
  static fanout::process_pool make(unsigned workers) {
    return fanout::process_pool({.workers = workers, .start = starts[variant_under_test(names)]});
  }
};
FANOUT_POOL_SUITE(processes);

}  // namespace
}  // namespace fanout_test
