// SPDX-License-Identifier: Apache-2.0
// process_pool::map of inputs that are pulled; what every pool's map does is in pool_suite.hpp.
#include <unistd.h>

#include <algorithm>
#include <atomic>
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
#include "numbers.hpp"
#include "pulling.hpp"
#include "support.hpp"
#include "support/sanitized.hpp"
#include "tasks.hpp"

namespace {

using fanout::process_pool;
using fanout_test::blocks_at_one;
using fanout_test::first_of;
using fanout_test::itself;
using fanout_test::numbers_without_end;
using fanout_test::plain_numbers;
using fanout_test::ProcessPoolPull;
using fanout_test::square;
using fanout_test::squares;

class ProcessPoolMap : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolMap);

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
  auto results = pool.map(square, blocks_at_one(typed)).results();
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
