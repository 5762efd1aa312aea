// SPDX-License-Identifier: Apache-2.0
#include "fanout/serial_executor.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

#include "executor_suite.hpp"
#include "fanout/errors.hpp"
#include "pool_suite.hpp"

namespace fanout_test {
namespace {

struct serial {
  static constexpr std::array names{"serial_executor"};
  static constexpr bool is_loop = true, runs_at_once = true;
  static constexpr bool one_thread() { return true; }
  using environment = ::testing::Test;
  static fanout::serial_executor make(unsigned = 1) { return fanout::serial_executor(); }
};
FANOUT_EXECUTOR_SUITE(serial);
FANOUT_POOL_SUITE(serial);

TEST(SerialExecutor, CallsBeforeSubmitAndMapReturn) {
  fanout::serial_executor executor;
  std::vector<int> order;
  const auto me = std::this_thread::get_id();
  const auto f = executor.submit([&] { order.push_back(std::this_thread::get_id() == me ? 1 : 0); });
  EXPECT_TRUE(f.ready());
  const auto mapped = executor.map([&](int i) { order.push_back(i); }, {2, 3, 4});
  EXPECT_EQ(order, (std::vector{1, 2, 3, 4}));
}

TEST(SerialExecutor, RefusesToRunInsideItself) {
  fanout::serial_executor executor;
  auto outer = [&]() -> fanout::task<> {
    executor.run(value(1));
    co_return;
  };
  EXPECT_THROW(executor.run(outer()), fanout::error);
  EXPECT_EQ(executor.run(value(1)), 1);  // and is as good as before
}

TEST(SerialExecutor, DestroyedItStopsATaskThatYieldsForEver) {
  bool stopped = false;
  auto yields = [&]() -> fanout::task<> {
    try {
      for (;;) co_await fanout::yield();
    } catch (const fanout::cancelled&) {
      stopped = true;
      throw;
    }
  };
  {
    fanout::serial_executor executor;
    executor.post([&] { static_cast<void>(fanout::spawn(yields())); });
  }
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace fanout_test
