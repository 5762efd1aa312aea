// SPDX-License-Identifier: Apache-2.0
// What every pool does, of process_pool, however its workers are started.
#include "pool_suite.hpp"

#include "fanout/process_pool.hpp"
#include "support.hpp"

namespace fanout_test {
namespace {

template <fanout::start_method Start>
struct processes {
  static constexpr const char* name = Start == fanout::start_method::forkserver ? "process_pool_forkserver"
                                      : Start == fanout::start_method::spawn    ? "process_pool_spawn"
                                                                                : "process_pool_fork";
  static constexpr bool runs_at_once = false;
  using environment = clean_process_test;
  static fanout::process_pool make(unsigned workers) {
    return fanout::process_pool({.workers = workers, .start = Start});
  }
};
using all_start_methods =
    ::testing::Types<processes<fanout::start_method::forkserver>, processes<fanout::start_method::spawn>,
                     processes<fanout::start_method::fork>>;
FANOUT_POOL_SUITE(all_start_methods);

}  // namespace
}  // namespace fanout_test
