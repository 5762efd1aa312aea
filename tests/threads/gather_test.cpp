// SPDX-License-Identifier: Apache-2.0
// gather on a pool, where one offer stands for all tasks that have not begun (detail/join.hpp): trees of it in which
// tasks end at once, later, in other threads, or not well. What every executor does is in core/executor_suite.
#include "fanout/gather.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "fanout/detail/frame_pool.hpp"
#include "fanout/sleep.hpp"
#include "fanout/task.hpp"
#include "fanout/thread_pool.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::task;

/// What a node of a tree is like, told by its seed alone.
class node {
 public:
  node(std::uint32_t seed, int depth) : dice_(seed * 2654435761U + 1), depth_(depth) {}

  std::uint32_t children() const { return depth_ == 0 ? 0 : (dice_ >> 8) % 6; }
  node child(std::uint32_t number) const { return {dice_ + number * 7919, depth_ - 1}; }
  /// Some are in an argument each, others in a vector.
  bool is_a_pair() const { return children() == 2 && (dice_ >> 20) % 2 == 0; }
  bool yields() const { return (dice_ >> 12) % 4 == 0; }
  bool sleeps() const { return (dice_ >> 12) % 16 == 1; }
  bool fails() const { return (dice_ >> 16) % 64 == 0; }

  int size() const {
    int sum = 1;
    for (std::uint32_t i = 0; i < children(); ++i) sum += child(i).size();
    return sum;
  }

 private:
  std::uint32_t dice_;
  int depth_;
};

enum class errors { none, some };

task<int> grow(node n, errors e) {
  if (n.yields()) co_await fanout::yield();
  if (n.sleeps()) co_await fanout::sleep(1us);
  if (e == errors::some && n.fails()) throw std::runtime_error("a node");
  if (n.is_a_pair()) {
    const auto [a, b] = co_await fanout::gather(grow(n.child(0), e), grow(n.child(1), e));
    co_return 1 + a + b;
  }
  std::vector<task<int>> children;
  for (std::uint32_t i = 0; i < n.children(); ++i) children.push_back(grow(n.child(i), e));
  int sum = 1;
  for (const int size : co_await fanout::gather(std::move(children))) sum += size;
  co_return sum;
}

class PoolGather : public testing::TestWithParam<unsigned> {
 protected:
  fanout::thread_pool pool{GetParam()};
};

TEST_P(PoolGather, EveryTaskOfATreeRunsOnce) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    const node root(seed, 6);
    ASSERT_EQ(pool.run(grow(root, errors::none)), root.size()) << "seed " << seed;
  }
}

TEST_P(PoolGather, AnErrorLeavesNothingOfItsTreeBehind) {
  const auto before = fanout::detail::live_frames();
  int failed = 0;
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    const node root(seed, 6);
    try {
      ASSERT_EQ(pool.run(grow(root, errors::some)), root.size()) << "seed " << seed;
    } catch (const std::runtime_error&) {
      ++failed;
    }
  }
  EXPECT_GT(failed, 0);
  EXPECT_LT(failed, 300);
  pool.shutdown();
  EXPECT_EQ(fanout::detail::live_frames(), before);
}

INSTANTIATE_TEST_SUITE_P(Workers, PoolGather, testing::Values(1, 2, 3, 5));

}  // namespace
