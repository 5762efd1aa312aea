// SPDX-License-Identifier: Apache-2.0
// Workers that take more memory than they may: T24. (Those that leak, T25, are in recycle_test.cpp.)
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <vector>

#include "fanout/errors.hpp"
#include "support.hpp"
#include "support/sanitized.hpp"
#include "tasks.hpp"

namespace {

using fanout::memory_limit_exceeded;
using fanout::process_pool;
using fanout_test::event_file;
using fanout_test::square;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// Bytes of this process that are resident.
std::size_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0, pages = 0;
  statm >> size >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

char* volatile occupied = nullptr;  // so that it is believed to be needed

/// Has so much memory, and does not let go of it.
void occupy_and_hang(std::size_t bytes) {
  occupied = new char[bytes];
  std::memset(occupied, 1, bytes);
  fanout_test::hang();
}

/// Pools whose workers may have 64 MiB more than they need to begin with.
class ProcessPoolMemory : public fanout_test::each_start_method {
 protected:
  static fanout::process_pool_options limited(unsigned workers) {
    auto o = options(workers);
    o.memory_limit = process_pool(options(1)).submit(resident).get() + 64 * mebibyte;
    return o;
  }
};
FANOUT_FOR_EACH_START_METHOD(ProcessPoolMemory);

TEST_P(ProcessPoolMemory, ATaskThatTakesMoreThanItMayFailsAlone) {  // T24
  const auto limits = limited(2);
  process_pool pool(limits);
  auto greedy = pool.submit(occupy_and_hang, 80 * mebibyte);
  std::vector<fanout::future<int>> others;
  for (int i = 0; i < 100; ++i) others.push_back(pool.submit(square, i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(others[static_cast<std::size_t>(i)].get(), square(i));
  const std::string what = fanout_test::what_fails<memory_limit_exceeded>(greedy);
  EXPECT_NE(what.find(std::to_string(limits.memory_limit / mebibyte) + " MiB"), std::string::npos) << what;
  EXPECT_NE(what.find("process_pool_options::memory_limit"), std::string::npos) << what;
  EXPECT_TRUE(fanout_test::eventually([&] { return pool.stats().threads == 2; })) << "it was replaced";
  EXPECT_TRUE(fanout_test::still_works(pool));
}

TEST_P(ProcessPoolMemory, AnItemOfAMapToo) {  // T24
  process_pool pool(limited(1));
  const auto greedy_at_3 = [](int i) {
    if (i == 3) occupy_and_hang(80 * mebibyte);
    return i;
  };
  std::vector<bool> worked;
  for (auto&& outcome : pool.map(greedy_at_3, {0, 1, 2, 3, 4, 5}, {.chunk = 6}).results()) {
    worked.push_back(outcome.has_value());
    if (!outcome) EXPECT_THROW(std::rethrow_exception(outcome.error()), memory_limit_exceeded);
  }
  EXPECT_EQ(worked, (std::vector{true, true, true, false, true, true}));
}

TEST_P(ProcessPoolMemory, LessThanThatIsNobodysBusiness) {
  if (fanout_test::sanitized) GTEST_SKIP() << "a sanitizer keeps memory that was freed";
  process_pool pool(limited(1));
  const auto worker = pool.submit(fanout_test::own_pid).get();
  for (int i = 0; i < 5; ++i) {
    pool.submit([] {
          std::vector<char> memory(16 * mebibyte, 'x');
          ::usleep(50'000);  // longer than it takes to be looked at
        })
        .get();
  }
  EXPECT_EQ(pool.submit(fanout_test::own_pid).get(), worker);
}

TEST_P(ProcessPoolMemory, ThatTheSystemRefusesIsAnExceptionOfTheTask) {  // T24
  if (fanout_test::sanitized) GTEST_SKIP() << "a sanitizer needs the address space that is limited here";
  auto o = options(1);
  o.initializer = [] {
    const rlimit limit{256 * mebibyte + (std::size_t{1} << 30), RLIM_INFINITY};
    ::setrlimit(RLIMIT_AS, &limit);
  };
  process_pool pool(o);
  const auto worker = pool.submit(fanout_test::own_pid).get();
  const auto allocate = [](std::size_t bytes) {
    const std::vector<char> memory(bytes);
    asm volatile("" : : "r"(memory.data()) : "memory");  // nobody may do without it
    return memory.size();
  };
  EXPECT_THROW(static_cast<void>(pool.submit(allocate, std::size_t{4} << 30).get()), std::bad_alloc);
  EXPECT_EQ(pool.submit(allocate, mebibyte).get(), mebibyte);
  EXPECT_EQ(pool.submit(fanout_test::own_pid).get(), worker) << "nobody had to die";
}

TEST_P(ProcessPoolMemory, AnArgumentThatIsTooMuchFailsItsTask) {  // T24
  process_pool pool(limited(1));
  const auto keep = [](const std::vector<char>& bytes) {
    EXPECT_FALSE(bytes.empty());
    fanout_test::hang();
  };
  auto greedy = pool.submit(keep, std::vector<char>(80 * mebibyte));
  EXPECT_THROW(greedy.get(), memory_limit_exceeded);
  EXPECT_TRUE(fanout_test::still_works(pool));
}

/// There is not even the memory to receive it.
TEST_P(ProcessPoolMemory, AnArgumentThatEndsEveryWorkerThatIsSentItFailsItsTask) {  // T24
  if (fanout_test::sanitized) GTEST_SKIP() << "a sanitizer needs the address space that is limited here";
  auto o = options(1);
  o.initializer = [] {
    std::ifstream statm("/proc/self/statm");
    std::size_t pages = 0;
    statm >> pages;
    const auto all = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + 16 * mebibyte;
    const rlimit limit{all, RLIM_INFINITY};
    ::setrlimit(RLIMIT_AS, &limit);
  };
  process_pool pool(o);
  const std::vector<char> large(32 * mebibyte);
  auto refused = pool.submit([](const std::vector<char>& bytes) { return bytes.size(); }, large);
  const auto error = fanout_test::thrown_by<fanout::worker_died>([&] { static_cast<void>(refused.get()); });
  EXPECT_NE(std::string(error.what()).find("as others before it, when it was sent its task"), std::string::npos)
      << error.what();
  EXPECT_TRUE(fanout_test::still_works(pool));
}

}  // namespace
