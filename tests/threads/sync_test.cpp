// SPDX-License-Identifier: Apache-2.0
#include "threads/sync.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using fanout::detail::adaptive_mutex;

/// As the kernel has it: 'S' is asleep.
char state_of(pid_t thread) {
  std::ifstream stat("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string line;
  std::getline(stat, line);
  return line[line.rfind(") ") + 2];
}

TEST(AdaptiveMutex, LetsInOneAtATime) {
  constexpr int threads = 4, times = 20'000;
  adaptive_mutex mutex;
  int count = 0;
  bool taken = false;
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < threads; ++i) {
      all.emplace_back([&] {
        for (int n = 0; n < times; ++n) {
          const std::lock_guard lock(mutex);
          EXPECT_FALSE(std::exchange(taken, true));
          ++count;
          taken = false;
        }
      });
    }
  }
  EXPECT_EQ(count, threads * times);
}

TEST(AdaptiveMutex, WhoWaitsForLongSleepsAndIsWoken) {
  constexpr int threads = 3;
  adaptive_mutex mutex;
  std::atomic<pid_t> waiting[threads] = {};
  std::atomic<int> came_in = 0;
  std::vector<std::jthread> all;
  {
    const std::lock_guard lock(mutex);
    for (auto& self : waiting) {
      all.emplace_back([&] {
        self = ::gettid();
        const std::lock_guard inner(mutex);
        ++came_in;
      });
    }
    for (const auto& thread : waiting) {
      while (thread == 0 || state_of(thread) != 'S') std::this_thread::yield();
    }
    EXPECT_EQ(came_in, 0);
  }
  all.clear();  // they end
  EXPECT_EQ(came_in, threads);
}

}  // namespace
