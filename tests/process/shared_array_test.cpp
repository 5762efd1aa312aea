// SPDX-License-Identifier: Apache-2.0
// Large data of which only a handle travels: that it arrives, who sees what is written to it, what goes wrong around
// it, and that nothing of it stays behind.
#include "fanout/shared_array.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <new>
#include <numeric>
#include <optional>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "fanout/detail/archive.hpp"
#include "fanout/errors.hpp"
#include "fanout/serial_executor.hpp"
#include "fanout/shared_buffer.hpp"
#include "fanout/thread_pool.hpp"
#include "support.hpp"
#include "tasks.hpp"

namespace {

using fanout::process_pool;
using fanout::shared_array;
using fanout::shared_buffer;
using fanout_test::event_file;

using ints = shared_array<int>;

/// Memory of that kind that a process has mapped, and has open.
std::size_t arrays_mapped(const std::string& process = "self") {
  std::ifstream maps("/proc/" + process + "/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find("/memfd:fanout-array") != std::string::npos;
  return count;
}
std::size_t arrays_open() {
  std::size_t count = 0;
  for (const auto& name : fanout_test::names_in("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink("/proc/self/fd/" + name, gone);
    count += target.string().find("/memfd:fanout-array") != std::string::npos;
  }
  return count;
}

ints counted(std::size_t size, int first = 0) {
  ints made(size);
  std::iota(made.begin(), made.end(), first);
  return made;
}
ints counted_from(int first) { return counted(10, first); }
bool holds(const ints& array, const std::vector<int>& values) { return std::ranges::equal(array, values); }

long sum(const ints& array) { return std::accumulate(array.begin(), array.end(), 0L); }
long sum_of_counted(std::size_t size) { return static_cast<long>(size * (size - 1) / 2); }
ints same(const ints& array) { return array; }
/// What a worker does to the array that it got, and gives it back.
ints doubled(ints array) {
  for (int& value : array) value *= 2;
  return array;
}

// --- alone

class SharedArray : public fanout_test::clean_process_test {};

TEST_F(SharedArray, HoldsWhatItIsMadeOf) {
  EXPECT_TRUE(holds(ints(3), {0, 0, 0}));
  EXPECT_TRUE(holds(ints{1, 2}, {1, 2}));
  EXPECT_TRUE(holds(ints(std::vector{4, 5}), {4, 5}));
  EXPECT_TRUE(holds(ints(std::views::iota(1, 4)), {1, 2, 3}));
  std::istringstream text("7 8");
  EXPECT_TRUE(holds(ints(std::views::istream<int>(text)), {7, 8})) << "a range that is passed over once";
  EXPECT_EQ(shared_array(std::vector{1.5}).size(), 1U);
  struct point {
    double x = 1, y = 2;
  };
  EXPECT_EQ(shared_array<point>(2)[1].y, 2);
  EXPECT_TRUE(ints().empty() && ints(0).empty());
  EXPECT_EQ(ints().begin(), ints().end());
}

TEST_F(SharedArray, SharesItsElementsWithItsCopies) {
  ints array{1, 2, 3};
  ints copy = array;
  array[1] = 20;
  copy[2] = 30;
  EXPECT_TRUE(holds(array, {1, 20, 30}));
  array = ints();
  EXPECT_TRUE(holds(copy, {1, 20, 30})) << "the last one keeps them";
}

TEST_F(SharedArray, HasSlicesThatAreItsElements) {
  ints array = counted(10);
  ints middle = array.slice(2, 5);
  middle[0] = 7;
  EXPECT_EQ(array[2], 7);
  array = ints();
  EXPECT_TRUE(holds(middle.slice(1, 3), {3, 4, 5}));
  EXPECT_TRUE(middle.slice(5, 0).empty());
  EXPECT_THROW(middle.slice(5, 1), std::out_of_range);
  EXPECT_THROW(middle.slice(1, SIZE_MAX), std::out_of_range);
}

TEST_F(SharedArray, CannotBeLargerThanAllMemory) {
  for (const std::size_t size : {SIZE_MAX, SIZE_MAX / 4, std::size_t{1} << 50})
    EXPECT_THROW(ints made(size), std::bad_alloc) << size;
}

TEST_F(SharedArray, IsPassedToThreadsAsItself) {
  ints array{1, 2, 3};
  const auto write = [](ints a) { a[0] = 10; };
  fanout::thread_pool threads(1);
  threads.submit(write, array).get();
  EXPECT_EQ(array[0], 10);
  fanout::serial_executor serial;
  EXPECT_EQ(serial.submit(sum, array).get(), 15);
  EXPECT_EQ(threads.map(sum, std::vector{array, array.slice(0, 1)}).get(), (std::vector{15L, 10L}));
}

// --- in workers

class ProcessPoolSharedArrays : public fanout_test::each_start_method {};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolSharedArrays);

TEST_P(ProcessPoolSharedArrays, ArriveAndComeBack) {
  process_pool pool(options(2));
  for (const std::size_t size : {0, 1, 1023, 1024, 1025, 1'000'000}) {
    EXPECT_EQ(pool.submit(sum, counted(size)).get(), sum_of_counted(size));
    EXPECT_EQ(sum(pool.submit(counted, size, 0).get()), sum_of_counted(size));
  }
  shared_buffer bytes(5);
  bytes.data()[4] = std::byte{9};
  EXPECT_EQ(pool.submit([](const shared_buffer& b) { return b.data()[4]; }, bytes).get(), std::byte{9});
}

TEST_P(ProcessPoolSharedArrays, OutliveThePoolsThatMadeThem) {
  std::optional<process_pool> pool(options(1));
  const ints made = pool->submit(counted, std::size_t{10'000}, 5).get();
  pool.reset();
  EXPECT_EQ(made[9'999], 10'004);
}

struct batch {
  std::string name;
  ints numbers;
  std::map<int, shared_buffer> more;
};

TEST_P(ProcessPoolSharedArrays, TravelInsideOthers) {
  process_pool pool(options(1));
  const batch sent{"b", counted(5000), {{3, shared_buffer(70)}}};
  const batch got = pool.submit([](batch b) { return b; }, sent).get();
  EXPECT_EQ(sum(got.numbers), sum(sent.numbers));
  EXPECT_EQ(got.more.at(3).size(), 70U);
  const auto sum_all = [](const std::vector<std::optional<ints>>& all) {
    long total = 0;
    for (const auto& each : all) total += each ? sum(*each) : 0;
    return total;
  };
  EXPECT_EQ(pool.submit(sum_all, std::vector<std::optional<ints>>{ints{1, 2}, {}, ints{3}}).get(), 6);
}

TEST_P(ProcessPoolSharedArrays, AreTheMemoryThatTheirMakerWritesTo) {
  process_pool pool(options(1));
  ints array(1);
  const event_file begun, let_go;
  auto seen = pool.submit(
      [](const ints& a, const std::string& b, const std::string& l) {
        const int before = a[0];
        fanout_test::begin_and_wait(b, l);
        return std::pair(before, a[0]);
      },
      array, begun.path(), let_go.path());
  ASSERT_TRUE(begun.wait());
  array[0] = 7;
  let_go.set();
  EXPECT_EQ(seen.get(), std::pair(0, 7));
  array[0] = 8;
  EXPECT_EQ(pool.submit(sum, array).get(), 8);
}

TEST_P(ProcessPoolSharedArrays, AreCopiedWhereTheyAreWrittenTo) {
  process_pool pool(options(1));
  ints array = counted(5000);
  const auto write = [](ints a) {
    const ints before = a;
    a[4000] = -1;
    return std::pair(a[4000], before[4000]);
  };
  EXPECT_EQ(pool.submit(write, array).get(), std::pair(-1, 4000)) << "this handle's copy alone";
  EXPECT_EQ(array[4000], 4000);
  EXPECT_EQ(pool.submit(sum, array).get(), sum(array)) << "nor is it seen by the worker's next task";
}

TEST_P(ProcessPoolSharedArrays, TravelByValueOnceTheyWereWrittenTo) {
  process_pool pool(options(1));
  const ints array = counted(5000);
  const ints twice = pool.submit(doubled, array).get();
  EXPECT_EQ(sum(twice), 2 * sum_of_counted(5000));
  EXPECT_EQ(sum(array), sum_of_counted(5000));
  ints result = pool.submit(counted, std::size_t{5000}, 1).get();
  result[0] = 100;
  EXPECT_EQ(pool.submit(sum, result).get(), sum(result)) << "the same for a result that the program writes to";
}

TEST_P(ProcessPoolSharedArrays, ComeBackAsThemselves) {
  process_pool pool(options(1));
  ints array{1, 2, 3};
  const ints back = pool.submit(same, array.slice(1, 2)).get();
  array[1] = 20;
  EXPECT_TRUE(holds(back, {20, 3}));
  EXPECT_EQ(back.data(), std::as_const(array).data() + 1);
  EXPECT_EQ(arrays_open(), 1U);
}

TEST_P(ProcessPoolSharedArrays, PassThroughPoolsWithinPools) {
  auto plan = options(1);
  // The pool of a task before may leave a thread of ThreadSanitizer's behind.
  if (fanout_test::thread_sanitized && GetParam() == fanout::start_method::fork) plan.max_tasks_per_worker = 1;
  process_pool pool(plan);
  const ints array = counted(10'000);
  const auto through = [](const ints& a, fanout::start_method start) {
    process_pool below({.workers = 1, .start = start});
    return below.submit(same, a).get();
  };
  EXPECT_EQ(pool.submit(through, array, GetParam()).get().data(), array.data());
}

TEST_P(ProcessPoolSharedArrays, MayBeThoseOfTasksForks) {
  process_pool pool(options(1));
  const auto fork_and_sum = [](const ints& a, ints b) {
    b[0] = 5;
    const pid_t child = ::fork();
    if (child == 0) ::_exit(sum(a) == 45 && b[0] == 5 ? 7 : 8);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  const ints array = counted(10);
  EXPECT_EQ(pool.submit(fork_and_sum, array, array).get(), 7);
}

ints made_before = ints();  // in the program; what workers have of it shows how they came to be

TEST_P(ProcessPoolSharedArrays, OfAForkedProgramAreItsForksToo) {
  if (GetParam() != fanout::start_method::fork) GTEST_SKIP() << "its workers have only what they are sent";
  made_before = counted(10);
  {
    process_pool pool(options(1));
    const ints back = pool.submit([] { return made_before; }).get();
    EXPECT_EQ(sum(back), 45);
  }
  made_before = ints();
}

// --- many

TEST_P(ProcessPoolSharedArrays, AreOpenOnceInAWorkerHoweverManyTasksGetThem) {
  process_pool pool(options(2));
  const ints array = counted(1000);
  const auto look = [](const ints& a, int) { return std::pair(sum(a), std::max(arrays_open(), arrays_mapped())); };
  std::vector<fanout::future<std::pair<long, std::size_t>>> results;
  for (int i = 0; i < 1000; ++i) results.push_back(pool.submit(look, array, i));
  for (auto& result : results) EXPECT_EQ(result.get(), std::pair(sum(array), std::size_t{1}));
  EXPECT_EQ(arrays_open(), 1U);
}

TEST_P(ProcessPoolSharedArrays, AreOpenOnceForAllTheirSlices) {
  process_pool pool(options(2));
  const ints array = counted(10'000);
  std::vector<ints> slices;
  for (std::size_t i = 0; i < 100; ++i) slices.push_back(array.slice(100 * i, 100));
  const auto look = [](const ints& a) { return std::pair(sum(a), arrays_open()); };
  long total = 0;
  for (const auto& [part, open] : pool.map(look, slices).get()) {
    total += part;
    EXPECT_EQ(open, 1U);
  }
  EXPECT_EQ(total, sum(array));
}

TEST_P(ProcessPoolSharedArrays, MayBeMany) {
  process_pool pool(options(2));
  std::vector<ints> arrays;
  std::vector<long> sums;
  for (int i = 0; i < 200; ++i) arrays.push_back(counted(100, i));
  for (const ints& each : arrays) sums.push_back(sum(each));
  for (const std::size_t chunk : {0, 1, 200}) EXPECT_EQ(pool.map(sum, arrays, {.chunk = chunk}).get(), sums);
  EXPECT_EQ(pool.map(sum, arrays | std::views::filter([](const ints&) { return true; })).get(), sums);
  const auto sum_each = [](const std::vector<ints>& all) {
    std::vector<long> each;
    for (const ints& a : all) each.push_back(sum(a));
    return each;
  };
  EXPECT_EQ(pool.submit(sum_each, arrays).get(), sums);
  const std::vector<ints> copies = pool.map(doubled, arrays).get();
  for (std::size_t i = 0; i < copies.size(); ++i) EXPECT_EQ(sum(copies[i]), 2 * sums[i]);
}

TEST_P(ProcessPoolSharedArrays, AreFreedWithTheLastHandle) {
  process_pool pool(options(1));
  const pid_t worker = pool.submit(fanout_test::own_pid).get();
  {
    const ints array = counted(1000);
    EXPECT_EQ(pool.submit(sum, array).get(), sum(array));
    const ints result = pool.submit(counted, std::size_t{1000}, 0).get();
    EXPECT_EQ(arrays_open(), 2U);
  }
  EXPECT_EQ(arrays_open(), 0U);
  EXPECT_EQ(arrays_mapped(), 0U);
  EXPECT_TRUE(fanout_test::eventually([&] { return arrays_mapped(std::to_string(worker)) == 0; }));
}

// --- what goes wrong

TEST_P(ProcessPoolSharedArrays, OfAWorkerThatIsKilledHarmNobody) {
  auto retrying = options(1);
  retrying.retries = 1;
  process_pool pool(retrying);
  ints array = counted(5000);
  const auto write_and_wait = [](ints a, const std::string& begun) {
    a[0] = 1000;
    if (!std::filesystem::exists(begun)) fanout_test::begin_and_hang(begun);
    return a;
  };
  const event_file begun;
  const pid_t worker = pool.submit(fanout_test::own_pid).get();
  auto result = pool.submit(write_and_wait, array, begun.path());
  ASSERT_TRUE(begun.wait());
  ::kill(worker, SIGKILL);
  EXPECT_EQ(sum(result.get()), sum(array) + 1000) << "another worker gets it";
  EXPECT_EQ(array[0], 0);
}

/// What this process may have open besides what it has.
class few_descriptors {
 public:
  few_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit none{0, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~few_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_P(ProcessPoolSharedArrays, AreMemoryLikeAnyOtherWhereThereAreNoDescriptors) {
  process_pool pool(options(1));
  EXPECT_TRUE(fanout_test::still_works(pool));
  ints array;
  {
    const few_descriptors none;
    array = counted(100'000);
    EXPECT_EQ(pool.submit(sum, array.slice(10, 1000)).get(), sum(array.slice(10, 1000)));
  }
  EXPECT_EQ(arrays_open(), 0U);
  EXPECT_EQ(pool.submit(sum, array).get(), sum(array));
}

TEST_P(ProcessPoolSharedArrays, LeaveDescriptorsForOthers) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{64, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  {
    process_pool pool(options(1));
    std::vector<ints> arrays;
    for (int i = 0; i < 100; ++i) arrays.push_back(counted(10, i));
    EXPECT_LE(arrays_open(), 32U);
    const std::vector<ints> back = pool.map(doubled, arrays).get();
    for (std::size_t i = 0; i < back.size(); ++i) EXPECT_EQ(sum(back[i]), 2 * sum(arrays[i]));
    EXPECT_EQ(pool.map(counted_from, std::views::iota(0, 100)).get().size(), 100U);
    EXPECT_LE(arrays_open(), 32U);
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_P(ProcessPoolSharedArrays, FailATaskAloneWhoseWorkerHasNoDescriptorLeft) {
  process_pool pool(options(1));
  const auto limit_descriptors = [](rlim_t limit) {
    const rlimit none{limit, limit == 0 ? 1024U : limit};
    ::setrlimit(RLIMIT_NOFILE, &none);
    return ::getpid();
  };
  const pid_t worker = pool.submit(limit_descriptors, rlim_t{0}).get();
  const ints array = counted(10);
  auto lacking = pool.submit(sum, array);
  const std::string what = fanout_test::what_fails<fanout::serialization_error>(lacking);
  EXPECT_NE(what.find("Too many open files"), std::string::npos) << what;
  EXPECT_EQ(pool.submit(limit_descriptors, rlim_t{1024}).get(), worker);
  EXPECT_EQ(pool.submit(sum, array).get(), 45) << "from then on it is as good as others";
}

TEST_P(ProcessPoolSharedArrays, FailATaskAloneWhoseResultTheProgramCannotMap) {
  process_pool pool(options(1));
  EXPECT_TRUE(fanout_test::still_works(pool));
  {
    const few_descriptors none;
    auto lacking = pool.submit(counted, std::size_t{10}, 0);
    EXPECT_THROW(static_cast<void>(lacking.get()), fanout::serialization_error);
  }
  EXPECT_EQ(sum(pool.submit(counted, std::size_t{10}, 0).get()), 45);
}

TEST_P(ProcessPoolSharedArrays, MayExceedTheLimitOfFiles) {
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  ints array = counted(1000);
  ::setrlimit(RLIMIT_FSIZE, &before);
  process_pool pool(options(1));
  EXPECT_EQ(pool.submit(sum, array).get(), sum(array));
}

// --- workers that have gone wrong

/// A shared_buffer as a worker that has gone wrong sends it.
struct forged {
  std::uint64_t size = 0, number = 0, first = 0;
  shared_buffer got, real;

  template <class Archive>
  void save(Archive& archive) const {
    archive(real, size, number, first);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(real, got);
  }
};

TEST_P(ProcessPoolSharedArrays, ThatAreNoneFailTheirTaskAlone) {
  process_pool pool(options(1));
  struct forgery {
    std::uint64_t size, number, first;
    bool is_of_first_block;
  };
  constexpr std::uint64_t most = ~std::uint64_t{0};
  for (const forgery& f :
       {forgery{10, 77, 0, false}, forgery{10, most, 0, false}, forgery{most, 0, 0, false}, forgery{101, 0, 0, true},
        forgery{1, 0, 100, true}, forgery{most, 0, 1, true}, forgery{1, 0, most, true}}) {
    auto wrong = pool.submit(
        [](std::uint64_t size, std::uint64_t number, std::uint64_t first, bool is_of_first_block) {
          forged made{size, number, first, {}, shared_buffer(100)};
          if (is_of_first_block) {
            fanout::detail::byte_buffer bytes(fanout::detail::to_be_sent);
            fanout::detail::writer to(bytes);
            to(made.real);
            std::memcpy(&made.number, bytes.data() + sizeof size, sizeof size);
          }
          return made;
        },
        f.size, f.number, f.first, f.is_of_first_block);
    EXPECT_THROW(static_cast<void>(wrong.get()), fanout::serialization_error) << f.size << ' ' << f.number;
    EXPECT_TRUE(fanout_test::still_works(pool));
  }
  EXPECT_EQ(pool.stats().died, 0U);
}

}  // namespace
