// SPDX-License-Identifier: Apache-2.0
// What can be held against counts and /proc on any machine, however busy. How long things take is not asserted.
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <string>

#include "lab/costs/catalogue.hpp"
#include "lab/costs/hand_over.hpp"
#include "lab/costs/memory.hpp"
#include "lab/costs/ping_pong.hpp"
#include "lab/costs/processor.hpp"
#include "lab/costs/start.hpp"
#include "lab/costs/timing.hpp"
#include "lab/statistics.hpp"
#include "support/sanitized.hpp"

namespace {

using namespace lab::costs;

constexpr effort little = {.batches = 6, .share = 0.05};

TEST(PingPong, SwitchesAsOftenAsThereAreTurns) {
  constexpr unsigned turns = 1000;
  for (const auto by : {ping_pong::signal::futex, ping_pong::signal::pipe}) {
    const turns_taken taken = play({.by = by}, turns);
    // On one CPU no turn can end without a switch; that others run there too makes more of them, involuntary ones.
    EXPECT_GE(taken.voluntary + taken.involuntary, turns);
    // A turn is waited for once at most, but for the turns before the clock runs, and locks at the beginning.
    if (!fanout_test::sanitized) EXPECT_LE(taken.voluntary, turns + 100);
    EXPECT_GT(taken.seconds, 0);
  }
}

TEST(PingPong, OneThreadAloneDoesNotWait) {
  for (const auto by : {ping_pong::signal::futex, ping_pong::signal::pipe}) EXPECT_GT(play_alone({.by = by}, 100), 0);
}

TEST(PingPong, ProcessesTakeTurnsToo) {
  const turns_taken taken = play({.by = ping_pong::signal::pipe, .with = ping_pong::partner::process}, 101);
  EXPECT_GE(taken.voluntary + taken.involuntary, 51);  // of the first alone
}

TEST(PingPong, TwoCpusOrTheReason) {
  const ping_pong game = {.on = ping_pong::placement::two_cpus};
  if (allowed_cpus().size() >= 2) {
    EXPECT_GT(play(game, 100).seconds, 0);
  } else {
    EXPECT_THROW(play(game, 100), not_measurable);
  }
}

TEST(PingPong, OnOneCpuThereIsNoSecond) {
  const std::vector<unsigned> before = allowed_cpus();
  ASSERT_FALSE(before.empty());
  stay_on(before.front());  // this test has a process of its own
  EXPECT_EQ(allowed_cpus(), (std::vector<unsigned>{before.front()}));
  try {
    play({.on = ping_pong::placement::two_cpus}, 100);
    FAIL() << "it was played on one CPU";
  } catch (const not_measurable& reason) {
    EXPECT_STREQ(reason.what(), "one CPU");
  }
}

TEST(PingPong, TheCallerStaysWhereItWas) {
  const std::vector<unsigned> before = allowed_cpus();
  play({}, 10);
  play_alone({}, 10);
  EXPECT_EQ(allowed_cpus(), before);
}

TEST(Batches, OfBothKindsAlternateAndOneOfEachGoesFirst) {
  std::string order;
  const measurement found = time_batches(
      {.batches = 3}, 10,
      [&](unsigned n) {
        order += 'b';
        return 5.0 * n;
      },
      [&](unsigned n) {
        order += 'o';
        return 2.0 * n;
      });
  EXPECT_EQ(order, "bobobobo");
  EXPECT_EQ(found.values, (std::vector<double>{3, 3, 3}));
  EXPECT_EQ(found.overheads, (std::vector<double>{2, 2, 2}));
}

/// What the C library says that it maps for a thread.
std::uint64_t stack_and_guard() {
  pthread_attr_t attributes;
  pthread_getattr_default_np(&attributes);
  std::size_t stack = 0, guard = 0;
  pthread_attr_getstacksize(&attributes, &stack);
  pthread_attr_getguardsize(&attributes, &guard);
  pthread_attr_destroy(&attributes);
  return stack + guard;
}

TEST(ThreadMemory, WhatIsReservedIsTheStackAndItsGuardToTheByte) {
  if (fanout_test::sanitized) GTEST_SKIP() << "a sanitizer maps memory of its own";
  // The median: a batch in which the heap of this process grows has that too.
  EXPECT_EQ(lab::median(measure_thread_reserved({.batches = 6}).values), static_cast<double>(stack_and_guard()));
}

TEST(ThreadMemory, WhatIsTouchedIsMuchLess) {
  if (fanout_test::sanitized) GTEST_SKIP() << "a sanitizer maps memory of its own";
  // The median: in a batch, what the rest of this process lets go of meanwhile counts too.
  const double bytes = lab::median(measure_thread_touched({.batches = 6}).values);
  EXPECT_GE(bytes, 4096);
  EXPECT_LT(bytes, 200'000);
}

TEST(SleepersMemory, ACoroutineTakesLessThanAThreadAndThatLessThanAProcess) {
  if (fanout_test::sanitized) GTEST_SKIP() << "a sanitizer maps memory of its own";
  // Medians: a batch in which a heap grows has that too.
  const double coroutine = lab::median(measure_sleeping_coroutine({.batches = 11, .share = 0.5}).values);
  const double thread = lab::median(measure_sleeping_thread({.batches = 6}).values);
  const double process = lab::median(measure_sleeping_process(little).values);
  EXPECT_GT(coroutine, 100);  // its frame, and where it is in the heap of timers
  EXPECT_LT(coroutine, thread);
  EXPECT_LT(thread, process);
}

TEST(OccupiedBytes, AreThoseThatTheKernelTells) {
  if (fanout_test::sanitized) GTEST_SKIP() << "a sanitizer maps memory of its own";
  constexpr std::size_t much = 64 << 20;
  const std::uint64_t before = occupied_bytes(getpid());
  working_set more(much);
  more.touch();
  EXPECT_GE(occupied_bytes(getpid()), before + much - much / 16);  // what is shared may come to be shared by more
  EXPECT_THROW(occupied_bytes(-1), not_measurable);
  std::ifstream status("/proc/self/status");
  std::uint64_t kilobytes = 0;
  for (std::string name; status >> name && name != "VmSize:";) status.ignore(4096, '\n');
  status >> kilobytes;
  EXPECT_NEAR(static_cast<double>(mapped_bytes()), 1024. * static_cast<double>(kilobytes), 300'000);
}

TEST(Start, EveryMethodIsMeasuredOrSaysWhyNot) {
  EXPECT_EQ(measure_thread_start(little, stack_cache::warm).values.size(), little.batches);
  EXPECT_EQ(measure_thread_start(little, stack_cache::cold).values.size(), little.batches);
  EXPECT_EQ(measure_spawn(little).values.size(), little.batches);
  EXPECT_EQ(measure_fork(little, 1'000'000).values.size(), little.batches);
  EXPECT_EQ(measure_pool_start(little, fanout::start_method::forkserver).values.size(), little.batches);
}

TEST(HandOver, EveryPoolAnswers) {
  for (const auto measure : {measure_thread_pool_trip, measure_process_pool_trip, measure_event_loop_trip})
    for (const double seconds : measure(little).values) EXPECT_GT(seconds, 0);
}

TEST(Catalogue, IdsAreUniqueAndFactorsAreOfWhatComesBefore) {
  std::vector<std::string_view> ids;
  for (const cost& one : catalogue()) {
    EXPECT_EQ(std::ranges::count(ids, one.id), 0) << one.id;
    if (one.measure == nullptr) {
      EXPECT_EQ(std::ranges::count(ids, one.of), 1) << one.id;
      EXPECT_EQ(std::ranges::count(ids, one.over), 1) << one.id;
    }
    ids.push_back(one.id);
    EXPECT_EQ(find_cost(one.id), &one);
  }
  EXPECT_EQ(find_cost("switch"), nullptr);
}

}  // namespace
