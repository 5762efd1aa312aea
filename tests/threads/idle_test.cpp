// SPDX-License-Identifier: Apache-2.0
// That an idle pool does nothing at all, as the kernel sees it. The longer one looks the more would show.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <thread>

#include "fanout/errors.hpp"
#include "fanout/gather.hpp"
#include "fanout/sleep.hpp"
#include "fanout/thread_pool.hpp"

namespace {

using namespace std::chrono_literals;

constexpr auto name = "idle pool";

/// What the kernel has counted for a thread.
struct counters {
  unsigned long cpu_ticks = 0, voluntary_switches = 0, involuntary_switches = 0;
  bool sleeps = false;

  bool operator==(const counters&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const counters& c) {
    return out << c.cpu_ticks << " ticks of CPU, " << c.voluntary_switches << " + " << c.involuntary_switches
               << " switches, " << (c.sleeps ? "asleep" : "awake");
  }
};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

unsigned long number_after(const std::string& text, const std::string& label) {
  const auto at = text.find(label);
  return at == std::string::npos ? 0 : std::stoul(text.substr(at + label.size()));
}

counters counters_of(const std::filesystem::path& thread) {
  counters now;
  // "ID (NAME) STATE …": utime and stime are the 12th and 13th after the name, which may have blanks in it.
  const std::string stat = text_of(thread / "stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string field;
  for (int number = 0; number < 13 && fields >> field; ++number) {
    if (number == 0) now.sleeps = field == "S";
    if (number >= 11) now.cpu_ticks += std::stoul(field);
  }
  const std::string status = text_of(thread / "status");
  now.voluntary_switches = number_after(status, "\nvoluntary_ctxt_switches:");
  now.involuntary_switches = number_after(status, "\nnonvoluntary_ctxt_switches:");
  return now;
}

/// Of the pool's threads, by their numbers.
std::map<std::string, counters> counters_of_the_pool() {
  std::map<std::string, counters> all;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    if (text_of(thread.path() / "comm") == std::string(name) + "\n") {
      all[thread.path().filename()] = counters_of(thread.path());
    }
  }
  return all;
}

std::map<std::string, counters> counters_when_all_sleep(const fanout::thread_pool& pool) {
  for (;; std::this_thread::yield()) {
    if (pool.stats().busy != 0) continue;
    auto now = counters_of_the_pool();
    if (now.size() != pool.workers()) continue;
    bool all_sleep = true;
    for (const auto& [id, c] : now) all_sleep = all_sleep && c.sleeps;
    if (all_sleep) return now;
  }
}

/// Whoever stops the process for a moment (a debugger, a frozen container) wakes its threads, too: so it has three
/// attempts, of which one without a wake-up is enough. What wakes up by itself would do so in each.
void expect_nothing_happens(const fanout::thread_pool& pool, std::chrono::seconds time) {
  std::map<std::string, counters> before, after;
  for (int attempt = 0; attempt < 3; ++attempt) {
    before = counters_when_all_sleep(pool);
    std::this_thread::sleep_for(time);
    after = counters_of_the_pool();
    if (after == before) return;
  }
  EXPECT_EQ(after, before);
}

TEST(IdlePool, TakesNoCpuAndDoesNotWakeUpForTenSeconds) {
  fanout::thread_pool pool({.workers = 4, .name = name});
  // It has worked, its workers have stolen, and it has had timers.
  auto naps = [](fanout::duration time) -> fanout::task<> { co_await fanout::sleep(time); };
  auto all = [&]() -> fanout::task<> { co_await fanout::gather(naps(1ms), naps(2ms), naps(3ms)); };
  pool.run(all());
  for (int i = 0; i < 10'000; ++i) pool.post([] {});
  expect_nothing_happens(pool, 10s);
}

TEST(IdlePool, NorWhileACoroutineOfItSleeps) {
  fanout::thread_pool pool({.workers = 4, .name = name});
  auto naps = []() -> fanout::task<> { co_await fanout::sleep(24h); };
  std::jthread runs([&] { EXPECT_THROW(pool.run(naps()), fanout::cancelled); });
  while (pool.stats().completed == 0) std::this_thread::yield();  // it has begun
  expect_nothing_happens(pool, 2s);
  EXPECT_TRUE(pool.shutdown(fanout::shutdown_mode::kill));
}

}  // namespace
