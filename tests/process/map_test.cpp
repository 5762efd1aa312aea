// SPDX-License-Identifier: Apache-2.0
// process_pool::map of inputs that are pulled; what every pool's map does is in pool_suite.hpp.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <list>
#include <memory>
#include <optional>
#include <ranges>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fanout/errors.hpp"
#include "fanout/event_loop.hpp"
#include "fanout/shutdown.hpp"
#include "gate.hpp"
#include "numbers.hpp"
#include "support.hpp"
#include "support/sanitized.hpp"

namespace {

using namespace std::chrono_literals;
using fanout::process_pool;
using fanout_test::first_of;
using fanout_test::gate;
using fanout_test::itself;
using fanout_test::numbers_without_end;
using fanout_test::plain_numbers;
using fanout_test::squares;

int square(int x) { return x * x; }

/// Where tasks note what they did, a byte for each.
class tally {
 public:
  tally() : path_(::testing::TempDir() + "fanout_tally_" + std::to_string(::getpid())) {
    std::filesystem::remove(path_);
    std::ofstream made(path_);
  }
  tally(const tally&) = delete;
  tally& operator=(const tally&) = delete;
  ~tally() { std::filesystem::remove(path_); }

  const std::string& path() const noexcept { return path_; }
  std::size_t count() const { return std::filesystem::file_size(path_); }
  static void note(const std::string& path) { std::ofstream(path, std::ios::app) << 'x'; }

 private:
  const std::string path_;
};

/// What a task is to note, and where.
struct noted {
  std::string tally;
  std::string gate;  // to be passed first, if it is not empty
  int number = 0;
};
int note(const noted& n) {
  tally::note(n.tally);
  if (!n.gate.empty()) gate::pass(n.gate);
  return n.number;
}

class ProcessPoolMap : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolMap);

// For what does not depend on how workers are started.
class ProcessPoolPull : public fanout_test::clean_process_test {};

TEST_P(ProcessPoolMap, PullsItsInputsWhileItsResultsAreTaken) {
  process_pool pool(options(2));
  EXPECT_EQ(first_of(pool.map(square, std::views::iota(0)).results(), 1000), squares(1000));
  EXPECT_EQ(pool.map(square, plain_numbers(itself) | std::views::take(5000)).get(), squares(5000));
}

TEST_P(ProcessPoolMap, CrashedItemFailsAlone) {
  process_pool pool(options(2));
  const auto dies_at = [](int x) {
    if (x % 100 == 37) ::raise(SIGSEGV);
    return x;
  };
  for (const std::size_t chunk : {0U, 20U}) {
    int next = 0;
    for (auto&& item : pool.map(dies_at, std::views::iota(0), {.chunk = chunk}).results()) {
      if (next % 100 != 37) {
        ASSERT_TRUE(item.has_value()) << next;
        EXPECT_EQ(*item, next);
      } else {
        const auto error =
            fanout_test::thrown_by<fanout::worker_died>([&] { std::rethrow_exception(std::move(item).error()); });
        EXPECT_EQ(error.signal(), SIGSEGV);
      }
      if (++next == 300) break;
    }
    EXPECT_EQ(next, 300);
  }
  EXPECT_THROW((void)pool.map(dies_at, std::views::iota(0, 100), {.window = 5}).get(), fanout::worker_died);
}

TEST_P(ProcessPoolMap, RandomlyKilledWorkersLoseNoItem) {
  process_pool pool(options(2));
  int died = 0;
  while (died == 0) {  // again if this thread killed none while it ran something
    int next = 0;
    for (auto&& item : pool.map(square, plain_numbers(itself) | std::views::take(2000), {.window = 200}).results()) {
      if (next % 100 == 50) {
        const auto all = fanout_test::descendants_of(::getpid());  // the nanny, then the workers, the oldest first
        if (all.size() > 1) ::kill(all[1], SIGKILL);
      }
      if (item.has_value()) {
        EXPECT_EQ(*item, square(next));
      } else {
        EXPECT_THROW(std::rethrow_exception(item.error()), fanout::worker_died);
        ++died;
      }
      ++next;
    }
    EXPECT_EQ(next, 2000);
  }
  EXPECT_LE(died, 20) << "no more than were killed";
}

std::size_t resident_bytes() {
  std::size_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST_F(ProcessPoolPull, InputsWithoutEndTakeNoMoreMemoryThanTheirWindow) {  // T28
  const char* const asked = std::getenv("FANOUT_TEST_ITEMS");               // 10'000'000 take minutes
  const int count = asked != nullptr ? std::atoi(asked) : fanout_test::sanitized ? 50'000 : 1'000'000;
  process_pool pool(2U);
  std::atomic<int> pulled = 0;
  int taken = 0, most_ahead = 0;
  std::size_t before = 0;
  for (auto&& item : pool.map(itself, numbers_without_end(itself, &pulled), {.window = 1000}).results()) {
    ASSERT_EQ(*item, taken);
    ++taken;
    most_ahead = std::max(most_ahead, pulled - taken);
    if (taken == 10'000) before = resident_bytes();  // all that is needed once is there
    if (taken == count) break;
  }
  const int pulled_then = pulled;
  EXPECT_LE(most_ahead, 1000);
  EXPECT_LE(pulled_then, count + 1000);
  if (!fanout_test::sanitized) {  // whose runtimes keep what was freed
    EXPECT_LT(resident_bytes(), before + (std::size_t{50} << 20));
  }
  EXPECT_EQ(pool.map(itself, {1, 2}).get(), (std::vector{1, 2}));
  EXPECT_EQ(pulled, pulled_then);
}

// --- what is encoded

/// Cannot be encoded if it is a multiple of 10.
struct picky {
  int value = 0;
  template <class Archive>
  void save(Archive& out) const {
    out(value);
    if (value % 10 == 0) throw std::domain_error("not " + std::to_string(value));
    out(value);
  }
  template <class Archive>
  void load(Archive& in) {
    in(value, value);
  }
};

TEST_F(ProcessPoolPull, AnInputThatCannotBeEncodedFailsAlone) {  // T10
  process_pool pool(2U);
  const auto numbers = [] { return std::views::iota(1) | std::views::transform([](int x) { return picky{x}; }); };
  const auto value = [](const picky& p) { return p.value; };
  for (const fanout::map_options options :
       {fanout::map_options{}, fanout::map_options{.window = 1}, fanout::map_options{.chunk = 7, .ordered = false}}) {
    int taken = 0, sum = 0, failed = 0;
    for (auto&& item : pool.map(value, numbers() | std::views::take(100), options).results()) {
      ++taken;
      if (item.has_value()) {
        sum += *item;
        if (options.ordered) EXPECT_EQ(*item, taken);
        continue;
      }
      ++failed;
      const auto error =
          fanout_test::thrown_by<fanout::serialization_error>([&] { std::rethrow_exception(std::move(item).error()); });
      const std::string what = error.what();
      if (options.ordered) EXPECT_NE(what.find("not " + std::to_string(taken)), std::string::npos) << what;
      EXPECT_NE(what.find("picky"), std::string::npos) << what;
    }
    EXPECT_EQ(taken, 100);
    EXPECT_EQ(failed, 10);
    EXPECT_EQ(sum, 5050 - 550);
    EXPECT_THROW((void)pool.map(value, numbers() | std::views::take(30), options).get(), fanout::serialization_error);
    EXPECT_EQ(pool.map(value, numbers() | std::views::take(9), options).get().size(), 9U);
  }
}

TEST_F(ProcessPoolPull, NothingNeedBeEncodable) {
  process_pool pool(1U);
  const auto none = std::views::iota(0, 50) | std::views::transform([](int x) { return picky{10 * x}; });
  int failed = 0;
  for (auto&& item : pool.map([](picky p) { return p.value; }, none, {.window = 3}).results()) failed += !item;
  EXPECT_EQ(failed, 50);
}

struct parcel {  // only moves
  int number = 0;
  parcel() = default;
  explicit parcel(int n) : number(n) {}
  parcel(parcel&&) = default;
  parcel& operator=(parcel&&) = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number);
  }
};

TEST_F(ProcessPoolPull, TakesElementsThatOnlyMove) {
  process_pool pool(2U);
  const auto parcels = [] { return numbers_without_end([](int x) { return parcel(x); }); };
  EXPECT_EQ(first_of(pool.map([](const parcel& p) { return p.number * p.number; }, parcels()).results(), 100),
            squares(100));
  EXPECT_EQ(first_of(pool.map([](parcel p) { return p.number * p.number; }, parcels()).results(), 100), squares(100));
  std::list<parcel> kept;
  for (int i = 0; i < 100; ++i) kept.emplace_back(i);
  EXPECT_EQ(pool.map([](parcel p) { return p.number * p.number; }, kept).get(), squares(100));
  EXPECT_EQ(kept.back().number, 99);
}

TEST_F(ProcessPoolPull, TakesTextsAndLargeInputs) {
  process_pool pool(2U);
  const auto lengths = [](std::string_view s) { return s.size(); };
  const auto views = std::list<std::string_view>{"a", "bb", ""};
  EXPECT_EQ(pool.map(lengths, views).get(), (std::vector<std::size_t>{1, 2, 0}));
  std::size_t expected = 0;
  const auto texts = std::views::iota(std::size_t{0}, std::size_t{40}) |
                     std::views::transform([](std::size_t n) { return std::string(n * 20'000, 'x'); });
  for (auto&& item : pool.map(lengths, texts, {.window = 20}).results()) EXPECT_EQ(*item, 20'000 * expected++);
  EXPECT_EQ(expected, 40U);
}

TEST_F(ProcessPoolPull, GivesResultsOfAnyType) {
  process_pool pool(2U);
  const auto even = pool.map([](int x) { return x % 2 == 0; }, std::list{0, 1, 2}).get();
  EXPECT_EQ(even, (std::vector{true, false, true}));
  const auto texts = pool.map([](int x) { return std::to_string(x); }, std::list{0, 1, 2}).get();
  EXPECT_EQ(texts, (std::vector<std::string>{"0", "1", "2"}));
  auto nothing = pool.map([](int) {}, std::list{0, 1, 2});
  static_assert(std::is_void_v<decltype(nothing.get())>);
  nothing.get();
  int ended = 0;
  for (auto&& item : pool.map([](int) {}, std::list{0, 1, 2}).results()) ended += item.has_value();
  EXPECT_EQ(ended, 3);
}

// --- the range, and who waits for whom

TEST_F(ProcessPoolPull, ARangeThatBlocksHoldsNobodyUp) {
  std::binary_semaphore typed(0);
  process_pool pool(2U);
  auto results = pool.map(square, numbers_without_end([&](int x) {
                            if (x == 1) typed.acquire();
                            return x;
                          }))
                     .results();
  auto at = results.begin();
  EXPECT_EQ(**at, 0);
  EXPECT_EQ(pool.submit(square, 5).get(), 25);
  EXPECT_EQ(pool.map(square, std::list{1, 2}).get(), (std::vector{1, 4}));
  typed.release();
  ++at;
  EXPECT_EQ(**at, 1);
}

TEST_F(ProcessPoolPull, ARangeMayWaitForTheResultsOfWhatItHasGiven) {
  process_pool pool(2U);
  for (const int ahead : {1, 10, 30}) {  // so many inputs it gives for nothing
    std::counting_semaphore<> taken(ahead);
    const auto with_leave = [&](int x) {
      taken.acquire();
      return x;
    };
    int next = 0;
    for (auto&& item : pool.map(square, numbers_without_end(with_leave) | std::views::take(500)).results()) {
      EXPECT_EQ(*item, square(next++));
      taken.release();
    }
    EXPECT_EQ(next, 500);
  }
}

TEST_F(ProcessPoolPull, WhoLeavesWaitsForAPullThatIsUnderWay) {
  process_pool pool(1U);
  for (int round = 0; round < 20; ++round) {
    std::atomic<bool> inside = false;
    numbers_without_end numbers([&](int x) {
      inside = true;
      std::this_thread::yield();
      inside = false;
      return x;
    });
    EXPECT_EQ(first_of(pool.map(square, numbers).results(), 3), squares(3));
    EXPECT_FALSE(inside);
    static_cast<void>(pool.map(square, numbers));
    EXPECT_FALSE(inside);
  }
}

TEST_F(ProcessPoolPull, ARangeThatIsOwnedIsGoneWhenItsMapIsOver) {
  process_pool pool(2U);
  const auto owner = std::make_shared<int>(0);
  const auto owned = [&] { return numbers_without_end([owner](int x) { return x; }); };
  EXPECT_EQ(pool.map(square, owned() | std::views::take(100)).get(), squares(100));
  EXPECT_EQ(owner.use_count(), 1);
  EXPECT_EQ(first_of(pool.map(square, owned()).results(), 100), squares(100));
  EXPECT_EQ(owner.use_count(), 1);
  static_cast<void>(pool.map(square, owned()));
  EXPECT_EQ(owner.use_count(), 1);
}

bool refuses_maps(process_pool& pool) {
  try {
    static_cast<void>(pool.map(square, {1}, {.window = 1}));
    return false;
  } catch (const fanout::pool_closed&) {
    return true;
  }
}

std::ptrdiff_t threads_of_this_process() {
  return std::ranges::distance(std::filesystem::directory_iterator("/proc/self/task"),
                               std::filesystem::directory_iterator());
}

TEST_F(ProcessPoolPull, LeavesNoThreadBehind) {
  std::jthread([] {}).join();  // the first thread brings that of TSan's runtime with it, which stays
  const auto before = threads_of_this_process();
  {
    process_pool pool(1U);
    const auto with_pool = threads_of_this_process();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(pool.map(square, std::list{1, 2}).get(), (std::vector{1, 4}));
    EXPECT_TRUE(fanout_test::eventually([&] { return threads_of_this_process() <= with_pool; }));
  }
  EXPECT_TRUE(fanout_test::eventually([&] { return threads_of_this_process() <= before; }));
}

TEST_F(ProcessPoolPull, TheUsersSignalsAreNotForItsThread) {
  process_pool pool(1U);
  sigset_t blocked{};
  const auto looks = [&](int x) {
    if (x == 0) ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    return x;
  };
  EXPECT_EQ(pool.map(square, numbers_without_end(looks) | std::views::take(10)).get(), squares(10));
  EXPECT_EQ(::sigismember(&blocked, SIGINT), 1);
  EXPECT_EQ(::sigismember(&blocked, SIGCHLD), 1);
  ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  EXPECT_EQ(::sigismember(&blocked, SIGINT), 0);
}

// --- leaving early, and the pool's end

TEST_F(ProcessPoolPull, WhatHasNotBegunWhenTheLoopIsLeftIsDropped) {
  const tally ran;
  gate left;
  process_pool pool(1U);
  const auto inputs = [&](int x) { return noted{ran.path(), x == 1 ? left.path() : "", x}; };
  for (auto&& item : pool.map(note, numbers_without_end(inputs), {.chunk = 1, .window = 10}).results()) {
    EXPECT_EQ(*item, 0);
    EXPECT_TRUE(fanout_test::eventually([&] { return ran.count() == 2; }));  // the second has begun
    break;
  }
  left.open();
  EXPECT_EQ(pool.submit(square, 3).get(), 9);
  EXPECT_EQ(ran.count(), 2U);
}

TEST_F(ProcessPoolPull, WhatWasPulledForAMapThatNobodyTakesIsRun) {
  const tally ran;
  std::atomic<int> pulled = 0;
  {
    process_pool pool(2U);
    const auto inputs = [&](int x) { return noted{ran.path(), "", x}; };
    auto map = pool.map(note, numbers_without_end(inputs, &pulled));
    EXPECT_TRUE(fanout_test::eventually([&] { return pulled > 0; }));
  }
  EXPECT_EQ(ran.count(), static_cast<std::size_t>(pulled));
}

TEST_F(ProcessPoolPull, AMapWithAWindowThatNobodyTakesIsRunToItsEnd) {
  const tally ran;
  const std::vector<noted> inputs(200, noted{ran.path(), "", 5});
  {
    process_pool pool(2U);
    static_cast<void>(pool.map(note, inputs, {.window = 3}));
    for (auto&& item : pool.map(note, inputs, {.window = 3}).results()) {
      if (*item == 5) break;
    }
    static_cast<void>(pool.map(note, std::vector<noted>(inputs), {.window = 3}));
  }
  EXPECT_EQ(ran.count(), 600U);
}

TEST_F(ProcessPoolPull, ThePoolRunsWhatThereIsRoomForBeforeItGoes) {
  for (const bool taken_meanwhile : {false, true}) {
    std::optional<process_pool> pool(std::in_place, 2U);
    auto results = pool->map(square, std::views::iota(0), {.window = 10}).results();
    std::jthread destroyer;
    int next = 0;
    auto at = results.begin();
    if (taken_meanwhile) {
      EXPECT_EQ(**at, square(next++));
      destroyer = std::jthread([&] { pool.reset(); });
    } else {
      pool.reset();
      EXPECT_EQ(**at, square(next++));
    }
    for (++at; at != results.end() && (*at).has_value(); ++at) EXPECT_EQ(**at, square(next++));
    EXPECT_GE(next, 10);
    ASSERT_NE(at, results.end());
    EXPECT_THROW(std::rethrow_exception((*at).error()), fanout::pool_closed);
    ++at;
    EXPECT_EQ(at, results.end());
  }
}

TEST_F(ProcessPoolPull, ThePoolsEndWaitsForAGetThatIsUnderWay) {
  std::optional<process_pool> pool(std::in_place, 2U);
  auto map = pool->map(square, plain_numbers(itself) | std::views::take(3000), {.window = 5});
  std::binary_semaphore begun(0);
  std::jthread getter([&] {
    begun.release();
    try {
      EXPECT_EQ(map.get(), squares(3000));
    } catch (const fanout::pool_closed&) {  // it came too late
    }
  });
  begun.acquire();
  pool.reset();
}

TEST_F(ProcessPoolPull, DrainRunsWhatWasPulled) {
  const tally ran;
  const std::vector inputs(200, noted{ran.path(), "", 5});
  process_pool pool(2U);
  static_cast<void>(pool.map(note, inputs, {.window = 3}));
  auto map = pool.map(square, std::views::iota(0), {.window = 10});
  EXPECT_TRUE(pool.shutdown());
  EXPECT_EQ(ran.count(), 200U) << "what nobody takes is run to its end";
  int values = 0, errors = 0;
  for (auto&& item : map.results()) {
    if (item.has_value()) {
      EXPECT_EQ(*item, square(values++));
    } else {
      ++errors;
      EXPECT_THROW(std::rethrow_exception(item.error()), fanout::pool_closed);
    }
  }
  EXPECT_EQ(values, 10) << "what there was room for";
  EXPECT_EQ(errors, 1);
  EXPECT_THROW((void)pool.map(square, std::views::iota(0)), fanout::pool_closed);
  EXPECT_THROW((void)pool.map(square, {1, 2}, {.window = 1}), fanout::pool_closed);
}

TEST_F(ProcessPoolPull, ARangeThatBlocksHoldsUpADrainOnlyUntilItsDeadline) {
  std::binary_semaphore typed(0);
  process_pool pool(1U);
  auto results = pool.map(square, numbers_without_end([&](int x) {
                            if (x == 1) typed.acquire();
                            return x;
                          }))
                     .results();
  auto at = results.begin();
  EXPECT_EQ(**at, 0);
  EXPECT_FALSE(pool.shutdown(fanout::shutdown_mode::drain, 1ms));
  typed.release();
  ++at;
  EXPECT_THROW(std::rethrow_exception((*at).error()), fanout::pool_closed);
  ++at;
  EXPECT_TRUE(at == results.end());
}

TEST_F(ProcessPoolPull, ADrainThatWaitsForARangeMayBecomeHarsher) {
  std::binary_semaphore typed(0);
  process_pool pool(1U);
  auto results = pool.map(square, numbers_without_end([&](int x) {
                            if (x == 1) typed.acquire();
                            return x;
                          }))
                     .results();
  auto at = results.begin();
  EXPECT_EQ(**at, 0);
  std::jthread drains([&] { EXPECT_FALSE(pool.shutdown()); });
  EXPECT_TRUE(fanout_test::eventually([&] { return refuses_maps(pool); }));
  pool.shutdown(fanout::shutdown_mode::kill);
  drains.join();
  typed.release();
  ++at;
  EXPECT_THROW(std::rethrow_exception((*at).error()), fanout::pool_closed);
}

TEST_F(ProcessPoolPull, CancelPendingEndsAMapWithoutEnd) {
  for (const auto mode : {fanout::shutdown_mode::cancel_pending, fanout::shutdown_mode::kill}) {
    process_pool pool(2U);
    auto results =
        pool.map(square, std::views::iota(0) | std::views::transform([](int x) { return x % 100; })).results();
    int next = 0;
    bool closed = false;
    for (auto&& item : results) {
      if (next == 50) EXPECT_TRUE(pool.shutdown(mode));
      closed = !item.has_value();
      if (item.has_value()) EXPECT_EQ(*item, square(next % 100));
      ++next;
    }
    EXPECT_TRUE(closed) << "by its last result";
  }
}

TEST_F(ProcessPoolPull, OfABrokenPoolEachItemFails) {
  process_pool pool({.workers = 1, .worker_command = {"/bin/false"}});
  int failed = 0;
  for (auto&& item : pool.map(square, std::views::iota(0), {.window = 5}).results()) {
    EXPECT_THROW(std::rethrow_exception(item.error()), fanout::pool_broken);
    if (++failed == 50) break;
  }
  EXPECT_EQ(failed, 50);
}

TEST_F(ProcessPoolPull, ALoopThatAttendsToTheWorkersPullsAllTheSame) {
  process_pool pool(2U);
  auto main = [&]() -> fanout::task<> {
    auto results = pool.map(square, std::views::iota(0)).results();
    for (int i = 0; i < 500; ++i) {
      EXPECT_EQ(co_await pool.submit(square, i), square(i));  // so the loop takes the turns, too
      EXPECT_EQ((co_await results.next())->value(), square(i));
    }
  };
  fanout::run(main());
}

}  // namespace
