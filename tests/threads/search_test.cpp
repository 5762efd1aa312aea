// SPDX-License-Identifier: Apache-2.0
#include "threads/search.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace {

using namespace std::chrono_literals;
using fanout::duration;
using fanout::op;
using fanout::detail::longest_search;
using fanout::detail::search_for_a_while;

constexpr auto always = [] { return true; };

/// A machine on which only what is said here takes time.
struct machine {
  duration pause_takes{}, look_takes{};
  fanout::time_point time{};
  int looks = 0;

  fanout::time_point now() const noexcept { return time; }
  void pause() noexcept { time += pause_takes; }
  op* look() {
    ++looks;
    time += look_takes;
    return nullptr;
  }
  duration search() {
    const auto began = time;
    EXPECT_EQ(search_for_a_while(*this, [this] { return look(); }, always), nullptr);
    return time - began;
  }
};

TEST(Search, LooksSixteenTimesWhereThatIsQuick) {
  machine quick{.pause_takes = 24ns, .look_takes = 40ns};
  EXPECT_LT(quick.search(), longest_search / 2);
  EXPECT_EQ(quick.looks, 16);
  machine skylake{.pause_takes = 140 * 1s / 3'000'000'000, .look_takes = 40ns};
  EXPECT_LT(skylake.search(), longest_search);
  EXPECT_EQ(skylake.looks, 16);
}

TEST(Search, NeverTakesLongerThanItMay) {
  for (const duration pause : {0ns, 10ns, 50ns, 100ns, 300ns, 900ns}) {
    for (const duration look : {0ns, 50ns, 1000ns, 5000ns, 9000ns}) {
      machine m{.pause_takes = pause, .look_takes = look};
      EXPECT_LE(m.search(), longest_search + 10 * pause) << pause.count() << " ns a pause, " << look.count();
      EXPECT_GE(m.looks, 1);
    }
  }
}

TEST(Search, IsOverWhenAnotherThreadHadTheCpuForLong) {
  machine disturbed{.pause_takes = 24ns, .look_takes = 4ms};
  disturbed.search();
  EXPECT_EQ(disturbed.looks, 1);
}

TEST(Search, GivesWhatItFindsAtOnce) {
  machine m{.pause_takes = 24ns};
  op found([](op&) noexcept {});
  const auto finds_at_the_third = [&] { return ++m.looks == 3 ? &found : nullptr; };
  EXPECT_EQ(search_for_a_while(m, finds_at_the_third, always), &found);
  EXPECT_EQ(m.looks, 3);
}

TEST(Search, GoesOnOnlyIfItMay) {
  machine m{.pause_takes = 24ns};
  const auto look = [&] { return m.look(); };
  EXPECT_EQ(search_for_a_while(m, look, [] { return false; }), nullptr);
  EXPECT_EQ(m.looks, 0);
  EXPECT_EQ(search_for_a_while(m, look, [&] { return m.looks < 5; }), nullptr);
  EXPECT_EQ(m.looks, 5);
}

}  // namespace
