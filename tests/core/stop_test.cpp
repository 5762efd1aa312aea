// SPDX-License-Identifier: Apache-2.0
#include "fanout/stop.hpp"

#include <gtest/gtest.h>

#include <pthread.h>

#include <atomic>
#include <barrier>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
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

/// Runs `f` on a thread with as small a stack as there can be.
template <class F>
void on_a_small_stack(F f) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  constexpr std::size_t slack = 64 * 1024;  // a sanitizer's runtime needs some for itself
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 64 * 1024 + slack), 0);
  pthread_t thread;
  const auto body = [](void* call) -> void* {
    (*static_cast<F*>(call))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, body, &f), 0);
  pthread_attr_destroy(&attributes);
  pthread_join(thread, nullptr);
}

/// Each is chained to the one before it, the first to `root`.
std::deque<fanout::stop_source> chain_of(std::size_t length, fanout::stop_token root) {
  std::deque<fanout::stop_source> chain;
  for (std::size_t i = 0; i < length; ++i) chain.emplace_back(i == 0 ? root : chain.back().get_token());
  return chain;
}

/// The last first: a source must outlive those that are chained to it.
void destroy(std::deque<fanout::stop_source>& chain) {
  while (!chain.empty()) chain.pop_back();
}

TEST(StopSource, AChainOfAHundredThousandStopsWithoutRecursion) {
  on_a_small_stack([] {
    fanout::stop_source root;
    auto chain = chain_of(100'000, root.get_token());
    {
      int at_the_end = 0, in_the_middle = 0;
      fanout::stop_callback last(chain.back().get_token(), [&] { ++at_the_end; });
      fanout::stop_callback middle(chain[50'000].get_token(), [&] { ++in_the_middle; });
      root.request_stop();
      EXPECT_EQ(at_the_end, 1);
      EXPECT_EQ(in_the_middle, 1);
      EXPECT_TRUE(chain[99'999].stop_requested());
    }
    destroy(chain);
  });
}

TEST(StopSource, SoDoesOneThatIsLinkedAfterItsRootWasAsked) {
  on_a_small_stack([] {
    fanout::stop_source root;
    auto chain = chain_of(100'000, root.get_token());
    root.request_stop();
    {
      int calls = 0;
      fanout::stop_callback callback(chain.back().get_token(), [&] { ++calls; });
      EXPECT_EQ(calls, 1);
    }
    destroy(chain);
  });
}

TEST(StopSource, AHundredThousandBesideEachOtherAllStop) {
  fanout::stop_source root;
  std::deque<fanout::stop_source> sources;
  int calls = 0;
  struct counting {
    int* calls;
    void operator()() const noexcept { ++*calls; }
  };
  {
    std::deque<fanout::stop_callback<counting>> callbacks;
    for (int i = 0; i < 100'000; ++i) {
      callbacks.emplace_back(sources.emplace_back(root.get_token()).get_token(), counting{&calls});
    }
    root.request_stop();
  }
  EXPECT_EQ(calls, 100'000);
}

TEST(StopSource, UnchainedItDoesNotHearOfItsParentAnyMore) {
  auto parent = std::make_unique<fanout::stop_source>();
  fanout::stop_source linked(parent->get_token()), never_linked(parent->get_token());
  int calls = 0;
  {
    fanout::stop_callback callback(linked.get_token(), [&] { ++calls; });
  }
  linked.unchain();
  never_linked.unchain();
  parent->request_stop();
  EXPECT_FALSE(linked.stop_requested());
  EXPECT_FALSE(never_linked.stop_requested());
  parent.reset();  // nobody needs it any more

  fanout::stop_callback one(linked.get_token(), [&] { ++calls; });
  fanout::stop_callback other(never_linked.get_token(), [&] { ++calls; });
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(linked.request_stop());
  EXPECT_TRUE(never_linked.request_stop());
  EXPECT_EQ(calls, 2);
}

TEST(StopSource, UnchainedAfterItsParentsStopItStaysStopped) {
  fanout::stop_source parent;
  fanout::stop_source child(parent.get_token());
  fanout::stop_callback callback(child.get_token(), [] {});
  parent.request_stop();
  child.unchain();
  EXPECT_TRUE(child.stop_requested());
}

TEST(StopSource, AChainMayBeDestroyedByACallbackAtItsEnd) {
  fanout::stop_source root;
  struct link {
    explicit link(fanout::stop_token token) : source(token) {}
    fanout::stop_source source;
    std::unique_ptr<link> next;
    std::optional<fanout::stop_callback<std::function<void()>>> callback;
  };
  int before = 0, after = 0;
  fanout::stop_callback last(root.get_token(), [&] { ++after; });  // the last one registered runs first
  auto chain = std::make_unique<link>(root.get_token());
  chain->next = std::make_unique<link>(chain->source.get_token());
  link& end = *chain->next;
  end.callback.emplace(end.source.get_token(), [&] {
    EXPECT_EQ(before, 1);
    std::unique_ptr<link>& all = chain;  // this lambda goes, too
    all.reset();
  });
  fanout::stop_callback first(root.get_token(), [&] { ++before; });
  root.request_stop();
  EXPECT_EQ(after, 1);
  EXPECT_EQ(chain, nullptr);
}

TEST(StopSource, IsUnchainedOrDestroyedWhileItsParentStops) {
  // The parent walks through its children while they leave it: none may be touched after it has left.
  // (A grandchild must not outlive the child, nor a child that is chained the parent.)
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    fanout::stop_source parent;
    std::barrier<> start(4);
    const auto leaves = [&](unsigned delay) {
      auto child = std::make_unique<fanout::stop_source>(parent.get_token());
      auto grandchild = std::make_unique<fanout::stop_source>(child->get_token());
      std::atomic<int> calls = 0;
      auto callback = std::make_optional<fanout::stop_callback<std::function<void()>>>(grandchild->get_token(),
                                                                                       [&calls] { ++calls; });
      start.arrive_and_wait();
      for (unsigned i = 0; i < delay; ++i) static_cast<void>(parent.stop_requested());
      callback.reset();
      EXPECT_LE(calls, 1);
      if (delay % 2 == 0) child->unchain();
      grandchild.reset();
      child.reset();
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back(leaves, random() % 200);
    start.arrive_and_wait();
    parent.request_stop();
    for (auto& thread : threads) thread.join();
  }
}

}  // namespace
