// SPDX-License-Identifier: Apache-2.0
// What every executor does, of thread_pool.
#include "executor_suite.hpp"

#include <array>

#include "fanout/thread_pool.hpp"

namespace fanout_test {
namespace {

struct threads {
  static constexpr std::array names{"thread_pool_1", "thread_pool_3"};
  static constexpr bool is_loop = false;
  static bool one_thread() { return variant_under_test(names) == 0; }
  static fanout::thread_pool make() { return fanout::thread_pool(one_thread() ? 1U : 3U); }
};
FANOUT_EXECUTOR_SUITE(threads);

}  // namespace
}  // namespace fanout_test
