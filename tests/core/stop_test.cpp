// SPDX-License-Identifier: Apache-2.0
#include "fanout/stop.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace {

TEST(StopSource, OnlyTheFirstRequestCounts) {
  fanout::stop_source source;
  EXPECT_FALSE(source.stop_requested());
  EXPECT_TRUE(source.request_stop());
  EXPECT_FALSE(source.request_stop());
  EXPECT_TRUE(source.get_token().stop_requested());
}

TEST(StopToken, OfNobodyNeverStops) {
  EXPECT_FALSE(fanout::stop_token().stop_possible());
  EXPECT_FALSE(fanout::stop_token().stop_requested());
}

TEST(StopCallback, RunsOnceForARequest) {
  fanout::stop_source source;
  int calls = 0;
  fanout::stop_callback callback(source.get_token(), [&] { ++calls; });
  source.request_stop();
  source.request_stop();
  EXPECT_EQ(calls, 1);
}

TEST(StopCallback, RunsAtOnceIfTheRequestCameBefore) {
  fanout::stop_source source;
  source.request_stop();
  int calls = 0;
  fanout::stop_callback callback(source.get_token(), [&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(StopCallback, DoesNotRunAfterItsDestruction) {
  fanout::stop_source source;
  int calls = 0;
  {
    fanout::stop_callback callback(source.get_token(), [&] { ++calls; });
  }
  source.request_stop();
  EXPECT_EQ(calls, 0);
}

TEST(StopCallback, MayDestroyItselfAndOthersWhileItRuns) {
  fanout::stop_source source;
  int calls = 0;
  struct counting {
    std::function<void()> f;
    void operator()() const noexcept { f(); }
  };
  using callback = fanout::stop_callback<counting>;
  auto other = std::make_unique<callback>(source.get_token(), counting{[&] { ++calls; }});
  std::unique_ptr<callback> self;
  self = std::make_unique<callback>(source.get_token(), counting{[&] {
                                      ++calls;
                                      other.reset();
                                      self.reset();
                                    }});
  source.request_stop();  // the last one registered runs first
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(self, nullptr);
}

TEST(StopSource, StopsWithItsParent) {
  fanout::stop_source parent;
  fanout::stop_source child(parent.get_token());
  fanout::stop_source grandchild(child.get_token());
  int calls = 0;
  fanout::stop_callback callback(grandchild.get_token(), [&] { ++calls; });
  parent.request_stop();
  EXPECT_TRUE(grandchild.stop_requested());
  EXPECT_EQ(calls, 1);
}

TEST(StopSource, KnowsOfItsParentsStopWithoutBeingLinked) {
  fanout::stop_source parent;
  fanout::stop_source child(parent.get_token());
  parent.request_stop();
  EXPECT_TRUE(child.stop_requested());
  int calls = 0;
  fanout::stop_callback callback(child.get_token(), [&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(StopSource, DoesNotStopItsParent) {
  fanout::stop_source parent;
  fanout::stop_source child(parent.get_token());
  child.request_stop();
  EXPECT_FALSE(parent.stop_requested());
}

TEST(StopCallback, DestructorWaitsForACallInAnotherThread) {
  for (int round = 0; round < 200; ++round) {
    fanout::stop_source source;
    std::atomic<bool> entered = false;
    auto alive = std::make_unique<std::atomic<int>>(0);
    auto callback = std::make_optional<fanout::stop_callback<std::function<void()>>>(source.get_token(), [&] {
      entered = true;
      alive->fetch_add(1);
    });
    std::thread asker([&] { source.request_stop(); });
    if (round % 2 == 0) {
      while (!entered) std::this_thread::yield();
    }
    callback.reset();
    alive.reset();  // a call still under way would use it after it was freed: ASan and TSan watch
    asker.join();
  }
}

TEST(StopSource, ManyThreadsRegisterWhileOneAsks) {
  for (int round = 0; round < 50; ++round) {
    fanout::stop_source parent;
    fanout::stop_source source(parent.get_token());
    std::atomic<int> calls = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        fanout::stop_callback callback(source.get_token(), [&] { ++calls; });
        while (calls < 4) std::this_thread::yield();
      });
    }
    parent.request_stop();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(calls, 4);
  }
}

}  // namespace
