// SPDX-License-Identifier: Apache-2.0
// Fulfilling, awaiting, stopping and dropping, by four threads at the same time. What can happen is one of a few
// things, and nothing else; the sanitizers watch what is touched meanwhile.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/as_completed.hpp"
#include "fanout/detail/frame_pool.hpp"
#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/gather.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/sleep.hpp"
#include "fanout/spawn.hpp"
#include "fanout/stop.hpp"
#include "fanout/task_group.hpp"
#include "fanout/thread_pool.hpp"
#include "fanout/timeout.hpp"
#include "fanout/wait.hpp"
#include "promise.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::future;
using fanout::task;
using fanout::detail::live_frames;
using fanout_test::promise;

/// In every round `prepare` runs alone, then all of `parts` at the same time, each on a thread of its own, which it
/// keeps, and then `check` alone.
void together(
    int rounds, const std::function<void()>& prepare, const std::vector<std::function<void()>>& parts,
    const std::function<void()>& check = [] {}) {
  std::barrier<> begin(static_cast<std::ptrdiff_t>(parts.size()) + 1),
      end(static_cast<std::ptrdiff_t>(parts.size()) + 1);
  std::vector<std::thread> threads;
  for (const auto& part : parts) {
    threads.emplace_back([&] {
      for (int round = 0; round < rounds; ++round) {
        begin.arrive_and_wait();
        part();
        end.arrive_and_wait();
      }
    });
  }
  for (int round = 0; round < rounds; ++round) {
    prepare();
    begin.arrive_and_wait();
    end.arrive_and_wait();
    check();
  }
  for (auto& thread : threads) thread.join();
}

/// Lets a moment pass that is not the same every time, so that rounds differ.
void dawdle() {
  static thread_local std::minstd_rand random(std::hash<std::thread::id>()(std::this_thread::get_id()));
  for (auto left = random() % 4 * (random() % 64); left > 0; --left) static_cast<void>(live_frames());
}

/// The last references are let go of after the result is there: on a pool, by a worker that may take its time.
void wait_until_live(std::int64_t frames) {
  while (live_frames() != frames) std::this_thread::yield();
}

/// 1: a value came. 0: it was cancelled.
int outcome_of(future<int> f) {
  try {
    EXPECT_EQ(f.get(), 7);
    return 1;
  } catch (const fanout::cancelled&) {
    return 0;
  }
}

// --- futures

task<int> awaits(future<int> f) { co_return co_await std::move(f); }

/// One thread runs a coroutine that awaits a future, the second fulfils that, the third stops the coroutine and waits
/// for it. The executor goes when it has run, which is while the others are still on their way out of it.
template <class RunOn>
void fulfil_await_and_stop(int rounds, RunOn run_on) {
  struct round {
    promise<int> owed;
    promise<future<int>> started;
    promise<void> over;
    future<future<int>> to_stop = started.get_future();
  };
  std::optional<round> now;
  const auto main = [&now]() -> task<> {
    auto over = now->over.get_future();
    now->started.set(fanout::spawn(awaits(now->owed.get_future())));
    co_await std::move(over);
  };
  const auto frames = live_frames();
  together(rounds, [&] { now.emplace(); },
           {
               [&] { run_on(main()); },
               [&] {
                 dawdle();
                 now->owed.set(7);
               },
               [&] {
                 auto f = now->to_stop.get();
                 dawdle();
                 f.cancel();
                 outcome_of(std::move(f));
                 now->over.set({});
               },
           });
  now.reset();
  wait_until_live(frames);
}

TEST(Stress, FulfilAwaitAndStopOnAnEventLoop) {
  fulfil_await_and_stop(1000, [](task<> main) { fanout::run(std::move(main)); });
}

TEST(Stress, FulfilAwaitAndStopOnASerialExecutor) {
  fulfil_await_and_stop(1000, [](task<> main) { fanout::serial_executor().run(std::move(main)); });
}

TEST(Stress, FulfilAwaitAndStopOnAPool) {
  fanout::thread_pool pool(2);
  fulfil_await_and_stop(1000, [&](task<> main) { pool.run(std::move(main)); });
}

TEST(Stress, FulfilAwaitAndStopOnAPoolThatGoesAtOnce) {
  fulfil_await_and_stop(200, [](task<> main) { fanout::thread_pool(2).run(std::move(main)); });
}

/// The same with a fourth: coroutines of one group await futures; one thread runs them, one fulfils the futures, one
/// stops the group, and one takes or drops what the coroutines give, while they give it. So all four are at once at the
/// words of the futures that are awaited, and of those that the coroutines fulfil.
template <class RunOn>
void fulfil_await_stop_and_drop(int rounds, RunOn run_on) {
  constexpr std::size_t count = 8;
  using given = std::vector<fanout::grouped_future<int>>;
  struct round {
    std::array<promise<int>, count> owed;
    promise<future<void>> started;
    promise<given> spawned;
    promise<void> over;
    future<future<void>> to_stop = started.get_future();
    future<given> to_drop = spawned.get_future();
  };
  std::optional<round> now;
  const auto group = [](round& r) -> task<> {
    co_await fanout::with_task_group([&r](fanout::task_group& g) -> task<> {
      given all;
      for (auto& p : r.owed) all.push_back(g.spawn(awaits(p.get_future())));
      r.spawned.set(std::move(all));
      co_return;
    });
  };
  const auto main = [&]() -> task<> {
    auto over = now->over.get_future();
    now->started.set(fanout::spawn(group(*now)));
    co_await std::move(over);
  };
  int turn = 0;
  const auto frames = live_frames();
  together(rounds, [&] { now.emplace(), ++turn; },
           {
               [&] { run_on(main()); },
               [&] {
                 dawdle();
                 for (auto& p : now->owed) p.set(7);
               },
               [&] {
                 auto f = now->to_stop.get();
                 dawdle();
                 f.cancel();
                 try {
                   f.get();
                 } catch (const fanout::cancelled&) {
                 }
                 now->over.set({});
               },
               [&] {
                 auto all = now->to_drop.get();
                 dawdle();
                 for (std::size_t i = 0; i < count; ++i) {
                   switch ((i + static_cast<std::size_t>(turn)) % 4) {
                     case 0:
                       all[i] = fanout::grouped_future<int>(future<int>());
                       break;
                     case 1:
                       outcome_of(std::move(all[i]));
                       break;
                     case 2:
                       all[i].cancel();
                       break;
                     default:
                       break;  // dropped with all of them
                   }
                 }
               },
           });
  now.reset();
  wait_until_live(frames);
}

TEST(Stress, FulfilAwaitStopAndDropOnAnEventLoop) {
  fulfil_await_stop_and_drop(1000, [](task<> main) { fanout::run(std::move(main)); });
}

TEST(Stress, FulfilAwaitStopAndDropOnASerialExecutor) {
  fulfil_await_stop_and_drop(1000, [](task<> main) { fanout::serial_executor().run(std::move(main)); });
}

TEST(Stress, FulfilAwaitStopAndDropOnAPool) {
  fanout::thread_pool pool(2);
  fulfil_await_stop_and_drop(1000, [&](task<> main) { pool.run(std::move(main)); });
}

TEST(Stress, ALoopMayGoAsSoonAsWhatItAwaitsIsThere) {
  // The thread that fulfils is still inside post() when the loop has run what was posted, has ended, and is gone.
  std::optional<promise<int>> owed;
  future<int> f;
  together(3000,
           [&] {
             owed.emplace();
             f = owed->get_future();
           },
           {
               [&] { EXPECT_EQ(fanout::run(awaits(std::move(f))), 7); },
               [&] {
                 dawdle();
                 owed->set(7);
               },
           });
}

TEST(Stress, AThreadsWaysToWaitRaceWithTheResult) {
  struct pair {
    promise<int> owed;
    future<int> f = owed.get_future();
  };
  std::optional<std::array<pair, 8>> now;
  unsigned round = 0;
  together(1000, [&] { now.emplace(), ++round; },
           {
               [&] {
                 for (std::size_t i = 0; i < 8; i += 2) (*now)[i].owed.set(7);
               },
               [&] {
                 for (std::size_t i = 1; i < 8; i += 2) (*now)[i].owed.set(7);
               },
               [&] {
                 auto& [a, b, c, d, e, f, g, h] = *now;
                 dawdle();
                 EXPECT_EQ(a.f.get(), 7);
                 while (!b.f.wait_for(1us)) {
                 }
                 EXPECT_EQ(b.f.get(), 7);
                 c.f = {};
                 while (!d.f.ready()) d.f.wait_for(0s);
                 EXPECT_EQ(d.f.get(), 7);
                 std::vector<future<int>> some;
                 for (auto* one : {&e, &f, &g, &h}) some.push_back(std::move(one->f));
                 if (round % 3 == 0) {
                   int taken = 0;
                   for (auto&& done : fanout::as_completed(std::move(some))) {
                     EXPECT_EQ(done.get(), 7);
                     if (++taken == static_cast<int>(round % 5)) break;
                   }
                 } else if (round % 3 == 1) {
                   auto [done, not_done] = fanout::wait(std::move(some), fanout::return_when::first_completed);
                   EXPECT_FALSE(done.empty());
                   EXPECT_EQ(done.size() + not_done.size(), 4U);
                   for (auto& one : not_done) EXPECT_EQ(one.get(), 7);
                 } else {
                   while (!some.empty())
                     some = fanout::wait(std::move(some), fanout::return_when::all_completed, 1us).not_done;
                 }
               },
           });
}

TEST(Stress, ARangeOfFuturesIsAwaitedStoppedAndGivenUp) {
  constexpr std::size_t futures = 6;
  struct round {
    std::array<promise<int>, futures> owed;
    promise<future<int>> started;
    promise<void> over;
    future<future<int>> to_stop = started.get_future();
  };
  std::optional<round> now;
  std::size_t wanted = 0;
  const auto takes = [](std::vector<future<int>> some, std::size_t count) -> task<int> {
    auto range = fanout::as_completed(std::move(some));
    int sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += (co_await range.next()).value().get();
    co_return sum == static_cast<int>(7 * count) ? 7 : -1;
  };
  const auto main = [&]() -> task<> {
    auto over = now->over.get_future();
    std::vector<future<int>> some;
    for (auto& p : now->owed) some.push_back(p.get_future());
    now->started.set(fanout::spawn(takes(std::move(some), wanted)));
    co_await std::move(over);
  };
  together(1000,
           [&] {
             now.emplace();
             wanted = wanted % futures + 1;
           },
           {
               [&] { fanout::run(main()); },
               [&] {
                 for (std::size_t i = 0; i < futures; i += 2) now->owed[i].set(7);
               },
               [&] {
                 for (std::size_t i = 1; i < futures; i += 2) now->owed[i].set(7);
               },
               [&] {
                 auto f = now->to_stop.get();
                 dawdle();
                 if (wanted % 2 == 0) f.cancel();
                 EXPECT_TRUE(outcome_of(std::move(f)) == 1 || wanted % 2 == 0);
                 now->over.set({});
               },
           });
}

// --- coroutines on several threads

TEST(Stress, ATimeoutRacesWithTheEndOfItsTask) {
  fanout::thread_pool pool(3);
  std::atomic<int> values = 0, late = 0;
  const auto races = [](int i) -> task<int> {
    const auto ends_about_then = [](int n) -> task<int> {
      co_await fanout::sleep(n % 3 * 20us);
      co_await fanout::yield();
      co_return n;
    };
    try {
      co_return co_await fanout::timeout(i % 5 * 15us, ends_about_then(i));
    } catch (const fanout::timed_out&) {
      co_return -1;
    }
  };
  const auto frames = live_frames();
  for (int round = 0; round < 100; ++round) {
    std::vector<task<int>> tasks;
    for (int i = 0; i < 20; ++i) tasks.push_back(races(i));
    const auto results = pool.run(fanout::gather(std::move(tasks)));
    for (int i = 0; i < 20; ++i) {
      const int result = results[static_cast<std::size_t>(i)];
      EXPECT_TRUE(result == i || result == -1);
      ++(result == i ? values : late);
    }
  }
  EXPECT_EQ(values + late, 2000);
  EXPECT_GT(late, 0);  // those that have no time at all
  wait_until_live(frames);
}

TEST(Stress, TheFirstErrorRacesWithOthersThatBeginAndEnd) {
  fanout::thread_pool pool(3);
  std::atomic<int> present = 0;
  const auto member = [&present](int i) -> task<int> {
    struct counted {
      std::atomic<int>& count;
      explicit counted(std::atomic<int>& c) : count(c) { ++count; }
      ~counted() { --count; }
    } const here(present);
    if (i % 3 == 0) co_await fanout::sleep(1h);
    for (int turn = 0; turn < i % 4; ++turn) co_await fanout::yield();
    if (i % 5 == 4) throw std::domain_error("as intended");
    co_return i;
  };
  const auto gathers = [&]() -> task<> {
    std::vector<task<int>> tasks;
    for (int i = 0; i < 12; ++i) tasks.push_back(member(i));
    try {
      co_await fanout::gather(std::move(tasks));
      ADD_FAILURE() << "no error";
    } catch (const std::domain_error&) {
      EXPECT_EQ(present, 0) << "still running after gather has gone on";
    }
  };
  for (int round = 0; round < 300; ++round) pool.run(gathers());
}

TEST(Stress, AGroupOnAPoolIsStoppedWhileItsTasksSpawnMore) {
  fanout::thread_pool pool(3);
  std::atomic<int> present = 0, begun = 0;
  struct counted {
    std::atomic<int>& count;
    explicit counted(std::atomic<int>& c) : count(c) { ++count; }
    ~counted() { --count; }
  };
  struct spawning {
    static task<> member(fanout::task_group& g, std::atomic<int>& members, std::atomic<int>& ever, int depth) {
      const counted here(members);
      ++ever;
      co_await fanout::yield();
      for (int i = 0; depth > 0 && i < 2; ++i) static_cast<void>(g.spawn(member(g, members, ever, depth - 1)));
      if (depth == 0) co_await fanout::sleep(1h);
    }
    static task<int> all(std::atomic<int>& members, std::atomic<int>& ever) {
      std::optional<fanout::cancelled> stopped;
      try {
        co_await fanout::with_task_group([&](fanout::task_group& g) -> task<> {
          const counted here(members);
          for (int i = 0; i < 3; ++i) static_cast<void>(g.spawn(member(g, members, ever, 2)));
          co_await fanout::yield();
        });
      } catch (const fanout::cancelled& c) {
        stopped = c;
      }
      EXPECT_EQ(members, 0) << "still running after the group has gone on";
      if (stopped) throw *stopped;
      co_return 7;
    }
  };
  const auto main = [&](promise<future<int>>& started) -> task<> {
    started.set(fanout::spawn(spawning::all(present, begun)));
    co_return;
  };
  const auto frames = live_frames();
  for (int round = 0; round < 200; ++round) {
    promise<future<int>> started;
    auto group = started.get_future();
    pool.run(main(started));
    auto f = group.get();
    dawdle();
    f.cancel();
    EXPECT_EQ(outcome_of(std::move(f)), 0);  // it would sleep for an hour
  }
  EXPECT_GT(begun, 0);
  wait_until_live(frames);
}

// --- stop sources

TEST(Stress, ChainsOfSourcesAreStoppedLinkedAndDestroyed) {
  std::optional<fanout::stop_source> root, child;
  std::atomic<int> called = 0, registered = 0;
  const auto works = [&] {
    for (int i = 0; i < 4; ++i) {
      fanout::stop_source mine(child->get_token());
      fanout::stop_source below(mine.get_token());
      const bool before = below.stop_requested();
      bool certain = false;  // that it is called
      int calls = 0;
      {
        fanout::stop_callback callback(below.get_token(), [&] { ++calls; });
        fanout::stop_callback another(mine.get_token(), [&] { ++called; });
        ++registered;
        certain = before || (i == 3 && below.request_stop());
        dawdle();
      }
      EXPECT_LE(calls, 1);
      EXPECT_TRUE(calls == 1 || !certain);
      if (i % 2 == 0) mine.unchain();
    }
  };
  together(
      1000,
      [&] {
        child.reset();
        root.emplace();
        child.emplace(root->get_token());
      },
      {
          works,
          works,
          [&] {
            dawdle();
            root->request_stop();
          },
          [&] {
            dawdle();
            child->request_stop();
          },
      },
      [&] { EXPECT_TRUE(child->stop_requested()); });
  EXPECT_LE(called, registered);
}

// --- pools

TEST(Stress, PoolTasksAreSubmittedCancelledDroppedAndTaken) {
  constexpr std::size_t tasks = 24;
  struct callable {
    std::atomic<int>*ran, *alive;
    callable(std::atomic<int>& r, std::atomic<int>& a) : ran(&r), alive(&a) { ++*alive; }
    callable(callable&& other) noexcept : ran(other.ran), alive(other.alive) { ++*alive; }
    ~callable() { --*alive; }
    int operator()() {
      ++*ran;
      return 7;
    }
  };
  std::atomic<int> ran = 0, alive = 0, refused = 0, values = 0;
  {
    std::optional<fanout::thread_pool> pool(2);
    std::array<promise<future<int>>, tasks> submitted;
    std::array<future<future<int>>, tasks> to_take;
    const auto takes = [&](std::size_t first, auto how) {
      for (std::size_t i = first; i < tasks; i += 3) how(to_take[i].get());
    };
    together(300,
             [&] {
               for (std::size_t i = 0; i < tasks; ++i) {
                 submitted[i] = {};
                 to_take[i] = submitted[i].get_future();
               }
             },
             {
                 [&] {
                   for (auto& s : submitted) s.set(pool->submit(callable(ran, alive)));
                 },
                 [&] {
                   takes(0, [&](future<int> f) {
                     const bool will_not_run = f.cancel();
                     const int value = outcome_of(std::move(f));
                     EXPECT_TRUE(value == 1 || will_not_run);
                     ++(value == 1 ? values : refused);
                   });
                 },
                 [&] {
                   takes(1, [&](future<int> f) {
                     EXPECT_EQ(outcome_of(std::move(f)), 1);
                     ++values;
                   });
                 },
                 [&] {
                   takes(2, [&](future<int>) { ++values; });  // detached: it runs
                 },
             });
  }
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(ran, values);
  EXPECT_EQ(values + refused, 300 * static_cast<int>(tasks));
}

TEST(Stress, APoolGoesWhileItsWorkersWaitForEachOther) {
  for (int round = 0; round < 300; ++round) {
    std::atomic<int> sum = 0;
    {
      fanout::thread_pool pool(3);
      for (int i = 0; i < 6; ++i) {
        static_cast<void>(pool.submit([&, i] {
          auto inner = pool.submit([] { return 7; });
          dawdle();
          sum += i % 2 == 0 ? inner.get() : (inner.wait_for(1h), inner.get());
        }));
      }
    }
    EXPECT_EQ(sum, 6 * 7);
  }
}

}  // namespace
