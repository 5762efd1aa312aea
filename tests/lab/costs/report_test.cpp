// SPDX-License-Identifier: Apache-2.0
#include "lab/costs/report.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "lab/costs/view.hpp"

namespace {

using namespace lab::costs;

std::vector<double> values_around(double middle, double step) {
  std::vector<double> values(15);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = middle + step * (static_cast<double>(i) - 7);
  return values;
}

finding found(const char* id, double middle, double step) {
  finding one{.what = find_cost(id), .measured = {.values = values_around(middle, step), .overheads = {}}};
  one.value = estimate_of(one.measured.values);
  return one;
}

/// All of the catalogue, with figures as they may be.
report sample_report() {
  report all{
      .version = "0.1.0", .started = "2026-01-01T00:00:00Z", .machine = {{"kernel", "6.1"}, {"cpus_effective", 2}}};
  for (const cost& one : catalogue()) {
    if (one.measure == nullptr) {
      all.findings.push_back(find_factor(one, all.findings));
    } else if (one.id == "switch.threads.two_cpus") {
      all.findings.push_back({.what = &one, .reason = "one CPU"});
    } else if (one.id == "switch.threads.pipe") {
      all.findings.push_back(found(one.id.data(), 10e-6, 0.1e-6));
    } else if (one.id == "switch.processes") {
      all.findings.push_back(found(one.id.data(), 20e-6, 0.1e-6));
    } else if (one.id == "memory.thread.reserved") {
      all.findings.push_back(found(one.id.data(), 8392704, 0));
    } else if (one.unit == unit::bytes) {
      all.findings.push_back(found(one.id.data(), one.id.ends_with("coroutine") ? 320 : 12'288, 1));
    } else {
      const bool slow = one.id.ends_with("1MB"), fast = one.id.starts_with("switch.coroutines");
      all.findings.push_back(found(one.id.data(), slow ? 60e-6 : fast ? 12e-9 : 1.4e-6, fast && !slow ? 1e-11 : 2e-8));
    }
  }
  return all;
}

TEST(CostEstimate, IsTheMedianAndAnExactIntervalAroundIt) {
  const estimate value = estimate_of(values_around(100, 1));
  EXPECT_EQ(value.median, 100);
  // Of 15 values the 4th and the 12th: 1 - 2 (1 + 15 + 105 + 455) / 2^15.
  EXPECT_EQ(value.range.low, 96);
  EXPECT_EQ(value.range.high, 104);
  EXPECT_NEAR(value.range.level, 0.9648, 0.0001);
}

TEST(CostEstimate, OfFewValuesHasTheLevelThatTheirExtremesHave) {
  const estimate five = estimate_of({1, 2, 3, 4, 5});
  EXPECT_EQ(five.range.low, 1);
  EXPECT_EQ(five.range.high, 5);
  EXPECT_EQ(five.range.level, 0.9375);
  EXPECT_EQ(estimate_of({3}).range.level, 0);
}

TEST(CostFactor, IsAsWideAsBothIntervalsAllow) {
  const estimate of{.median = 10, .range = {8, 12, 0.97}}, over{.median = 2, .range = {1, 4, 0.96}};
  const auto factor = factor_of(of, over);
  ASSERT_TRUE(factor);
  EXPECT_EQ(factor->median, 5);
  EXPECT_EQ(factor->range.low, 2);
  EXPECT_EQ(factor->range.high, 12);
  EXPECT_NEAR(factor->range.level, 0.93, 1e-12);
}

TEST(CostFactor, OfWhatMayBeNothingIsNone) {
  EXPECT_FALSE(factor_of({.median = 1, .range = {1, 1, 1}}, {.median = 1, .range = {-1, 2, 1}}));
}

TEST(CostFactor, OfWhatWasNotMeasuredHasItsReason) {
  const cost what{
      .id = "f", .group = "g", .name = "n", .unit = unit::factor, .of = "switch.threads", .over = "switch.processes"};
  const finding factor =
      find_factor(what, {found("switch.threads", 1e-6, 0), {.what = find_cost("switch.processes"), .reason = "why"}});
  EXPECT_FALSE(factor.value);
  EXPECT_EQ(factor.reason, "why");
}

TEST(CostClaim, IsConfirmedByTheWholeIntervalRefutedByTheWholeIntervalElseUndecided) {
  EXPECT_EQ(judge(found("switch.threads", 1.4e-6, 1e-8)), judged::confirmed);
  EXPECT_EQ(judge(found("switch.threads", 0.4e-6, 1e-8)), judged::refuted);
  EXPECT_EQ(judge(found("switch.threads", 40e-6, 1e-8)), judged::refuted);
  EXPECT_EQ(judge(found("switch.threads", 1e-6, 1e-8)), judged::undecided);
  EXPECT_EQ(judge(found("start.fork", 1e-6, 1e-8)), std::nullopt);
  EXPECT_EQ(judge({.what = find_cost("switch.threads"), .reason = "why"}), std::nullopt);
}

TEST(CostFormat, HasThreeFiguresInTheUnitOfTheMedian) {
  EXPECT_EQ(format_value(2.345e-9, unit::seconds), "2.35 ns");
  EXPECT_EQ(format_value(0.9999e-6, unit::seconds), "1.00 µs");
  EXPECT_EQ(format_value(12.34e-3, unit::seconds), "12.3 ms");
  EXPECT_EQ(format_value(1.5, unit::seconds), "1.50 s");
  EXPECT_EQ(format_value(8392704, unit::bytes), "8.39 MB");
  EXPECT_EQ(format_value(12288, unit::bytes), "12.3 kB");
  EXPECT_EQ(format_value(320, unit::bytes), "320 B");
  EXPECT_EQ(format_value(41.26, unit::factor), "41.3×");
  EXPECT_EQ(format_range({.median = 1.4e-6, .range = {0.9e-6, 1.5e-6, 0.95}}, unit::seconds), "[0.90, 1.50] µs");
}

TEST(CostJson, HasWhatWasMeasuredAndNothingElse) {
  const auto document = to_json(sample_report());
  EXPECT_EQ(document["$schema"], "fanout-costs-1.json");
  ASSERT_EQ(document["costs"].size(), catalogue().size());
  for (const auto& one : document["costs"]) {
    const bool ok = one["status"] == "ok";
    EXPECT_EQ(one.contains("median"), ok);
    EXPECT_EQ(one.contains("reason"), !ok);
    if (!ok) continue;
    EXPECT_LE(one["ci"]["lo"], one["median"]) << one["id"];
    EXPECT_GE(one["ci"]["hi"], one["median"]) << one["id"];
  }
}

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    widest = std::max(widest, lab::columns(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return widest;
}

TEST(CostView, FitsTheTerminal) {
  for (const unsigned width : {60U, 80U, 120U}) EXPECT_LE(widest_line(show(sample_report(), {.width = width})), width);
}

TEST(CostView, HasTheClaimBesideTheFigure) {
  const std::string text = show(sample_report(), {.width = 80});
  for (const char* line : {"   thread to thread             1.40 µs  1–10 µs ✔  [1.32, 1.48] µs\n",
                           "     through pipes              10.0 µs  1–10 µs ?  [9.60, 10.4] µs\n",
                           "     on two CPUs                n/a: one CPU\n",
                           "   process to process, pipes    20.0 µs  1–10 µs ✘  [19.6, 20.4] µs\n",
                           "   a thread reserves            8.39 MB  ~8 MB ✔    [8.39, 8.39] MB\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST(CostView, AnswersTheNotebook) {
  const std::string text = show(sample_report(), {.width = 200});
  for (const char* line :
       {" ✔ “OS context switches: ~1-10 microseconds per switch”: 1.40 µs here, between threads on one CPU\n",
        " ✔ “Threads get interrupted by OS, this costs more”: 117 times the 12.0 ns of tasks on an event loop\n",
        " ✔ “Each thread reserves ~8MB memory even if idle”: 8.39 MB of address space, but 12.3 kB of memory until it "
        "uses more\n",
        " ✔ “1 thread vs 5 threads = less RAM”: a sleeping task takes 320 B as a coroutine, 12.3 kB as a thread: 38.4 "
        "times as much\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

TEST(CostView, IsInColourOnlyWhereThereIsColour) {
  EXPECT_EQ(show(sample_report(), {.width = 80}).find('\x1b'), std::string::npos);
  EXPECT_NE(show(sample_report(), {.colour = true, .width = 80}).find("\x1b[32m✔"), std::string::npos);
}

}  // namespace
