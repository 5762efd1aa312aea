// SPDX-License-Identifier: Apache-2.0
// What every executor does, of thread_pool.
#include "executor_suite.hpp"

#include "fanout/thread_pool.hpp"

namespace fanout_test {
namespace {

struct one_worker {
  static constexpr const char* name = "thread_pool_1";
  static constexpr bool one_thread = true, is_loop = false;
  static fanout::thread_pool make() { return fanout::thread_pool(1U); }
};
struct three_workers {
  static constexpr const char* name = "thread_pool_3";
  static constexpr bool one_thread = false, is_loop = false;
  static fanout::thread_pool make() { return fanout::thread_pool(3U); }
};
using both = ::testing::Types<one_worker, three_workers>;
FANOUT_EXECUTOR_SUITE(both);

}  // namespace
}  // namespace fanout_test
