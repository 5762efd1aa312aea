// SPDX-License-Identifier: Apache-2.0
// What every executor does is in executor_suite_test.cpp.
#include "fanout/event_loop.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "fanout/errors.hpp"
#include "fanout/task.hpp"

namespace {

TEST(Run, ReturnsTheValue) {
  auto answer = []() -> fanout::task<int> { co_return 42; };
  EXPECT_EQ(fanout::run(answer()), 42);
}

TEST(Run, ThrowsTheError) {
  auto fails = []() -> fanout::task<> {
    throw std::runtime_error("no");
    co_return;
  };
  EXPECT_THROW(fanout::run(fails()), std::runtime_error);
}

TEST(EventLoop, RefusesToRunInsideItself) {
  fanout::event_loop loop;
  auto inner = []() -> fanout::task<> { co_return; };
  auto outer = [&]() -> fanout::task<> {
    loop.run(inner());
    co_return;
  };
  EXPECT_THROW(loop.run(outer()), fanout::error);
  loop.run(inner());  // and is as good as before
}

}  // namespace
