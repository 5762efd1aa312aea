// SPDX-License-Identifier: Apache-2.0
// What every pool does, of thread_pool.
#include "pool_suite.hpp"

#include <array>

#include "fanout/thread_pool.hpp"

namespace fanout_test {
namespace {

struct threads {
  static constexpr std::array names{"thread_pool"};
  static constexpr bool runs_at_once = false;
  using environment = ::testing::Test;
  static fanout::thread_pool make(unsigned workers) { return fanout::thread_pool(workers); }
};
FANOUT_POOL_SUITE(threads);

}  // namespace
}  // namespace fanout_test
