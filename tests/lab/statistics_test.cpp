// SPDX-License-Identifier: Apache-2.0
// Verdicts against values computed by hand.
#include "lab/statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <tuple>

namespace {

using lab::compare_all;
using lab::verdict;
using walls = std::vector<std::vector<double>>;

const lab::test_plan plan;

TEST(Statistics, MedianOfOddAndEvenCounts) {
  EXPECT_EQ(lab::median({3, 1, 2}), 2);
  EXPECT_EQ(lab::median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(lab::median({7}), 7);
}

// With two rounds Student's t has one degree of freedom: P(T > t) = atan(1 / t) / pi exactly.
TEST(Statistics, TestsWithTwoRoundsHaveTheClosedFormOfOneDegreeOfFreedom) {
  const double d1 = 0.30, d2 = 0.34;
  const auto pairs = compare_all({{1, 1}, {std::exp(d1), std::exp(d2)}}, plan);
  ASSERT_EQ(pairs.size(), 1U);
  const double mean = 0.32, standard_error = 0.02;  // |d1 - d2| / 2
  const double margin = std::log(1.03);
  const auto tail = [](double t) { return std::atan(1 / t) / M_PI; };
  ASSERT_TRUE(pairs[0].evidence);
  EXPECT_NEAR(pairs[0].evidence->p_difference, 2 * tail((mean - margin) / standard_error), 1e-9);
  EXPECT_NEAR(pairs[0].evidence->p_zero, 2 * tail(mean / standard_error), 1e-9);
  EXPECT_NEAR(pairs[0].evidence->p_equivalence, 1 - tail((mean - margin) / standard_error), 1e-9);
  EXPECT_NEAR(pairs[0].ratio, std::exp(mean), 1e-9);
  // The interval: t(0.975, 1) = 12.7062 from any table.
  EXPECT_NEAR(std::log(pairs[0].evidence->ratio.low), mean - 12.7062 * standard_error, 1e-5);
  EXPECT_NEAR(std::log(pairs[0].evidence->ratio.high), mean + 12.7062 * standard_error, 1e-5);
}

TEST(Statistics, IntervalOfFiveRoundsUsesTheTabulatedQuantile) {
  const std::vector<double> d = {0.10, 0.12, 0.08, 0.11, 0.09};  // mean 0.1, deviation sqrt(0.00025)
  std::vector<double> b;
  for (const double x : d) b.push_back(std::exp(x));
  const auto pairs = compare_all({std::vector(5, 1.0), b}, plan);
  const double half = 2.776445 * std::sqrt(0.00025) / std::sqrt(5.0);  // t(0.975, 4)
  EXPECT_NEAR(std::log(pairs[0].evidence->ratio.low), 0.1 - half, 1e-6);
  EXPECT_NEAR(std::log(pairs[0].evidence->ratio.high), 0.1 + half, 1e-6);
  EXPECT_EQ(pairs[0].outcome, verdict::faster);
}

TEST(Statistics, TwoRoundsDecideFiveSecondsAgainstOne) {
  const auto pairs = compare_all({{5.003, 5.001}, {1.001, 1.002}, {1.003, 1.001}, {1.012, 1.014}}, plan);
  ASSERT_EQ(pairs.size(), 6U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(pairs[i].a, 0U);
    EXPECT_EQ(pairs[i].outcome, verdict::slower) << i;
    EXPECT_NEAR(pairs[i].ratio, 0.2, 0.003);
  }
}

TEST(Statistics, TwoRoundsSayEqualOfWhatIsEqualInBoth) {
  const auto pairs = compare_all({{5.0, 5.0}, {1.0002, 1.0003}, {1.0009, 1.0008}, {1.02, 1.02}}, plan);
  EXPECT_EQ(pairs[3].outcome, verdict::equivalent);  // 1 against 2
  EXPECT_EQ(pairs[4].outcome, verdict::undecided);   // 2 % apart: two rounds cannot tell on which side of 3 % that is
  ASSERT_TRUE(pairs[4].more_rounds);
  EXPECT_GE(*pairs[4].more_rounds, 1U);
}

TEST(Statistics, IntervalsAreFinite) {
  const auto pairs = compare_all({{1.0, 1e9}, {1e9, 1.0}}, {.looks = {2, 3, 4, 5}});
  EXPECT_GT(pairs[0].evidence->ratio.low, 0);
  EXPECT_TRUE(std::isfinite(pairs[0].evidence->ratio.high));
}

TEST(Statistics, TwoRoundsThatDisagreeDecideNothing) {
  const auto pairs = compare_all({{1.0, 2.0}, {2.0, 1.0}}, plan);
  EXPECT_EQ(pairs[0].outcome, verdict::undecided);
}

TEST(Statistics, OneRoundDecidesNothingAndHasNoEvidence) {
  const auto pairs = compare_all({{5.0}, {1.0}}, plan);
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_EQ(pairs[0].outcome, verdict::undecided);
  EXPECT_FALSE(pairs[0].evidence);
  EXPECT_FALSE(pairs[0].more_rounds);
  EXPECT_NEAR(pairs[0].ratio, 0.2, 1e-12);
}

TEST(Statistics, OneModelHasNoPairsAndIsFirst) {
  EXPECT_TRUE(compare_all({{1.0, 1.1}}, plan).empty());
  EXPECT_EQ(lab::ranks(1, {}), std::vector<unsigned>{1});
}

TEST(Statistics, TheSameModelTwiceIsEquivalent) {
  std::mt19937 random(7);
  std::normal_distribution<double> noise(0, 0.005);
  walls both(2);
  for (int round = 0; round < 5; ++round) {
    both[0].push_back(std::exp(noise(random)));
    both[1].push_back(std::exp(noise(random)));
  }
  EXPECT_EQ(compare_all(both, plan)[0].outcome, verdict::equivalent);
}

TEST(Statistics, WhatDisturbsAWholeRoundCancelsOut) {
  const walls drifting = {{1.0, 2.0, 1.5, 3.0, 1.2}, {1.101, 2.2, 1.652, 3.3, 1.32}};
  EXPECT_EQ(compare_all(drifting, plan)[0].outcome, verdict::faster);
}

TEST(Statistics, ARealDifferenceBelowTheMinimumIsNegligible) {
  const walls close = {{1.0, 1.0, 1.0, 1.0, 1.0}, {1.010, 1.011, 1.009, 1.010, 1.010}};
  EXPECT_EQ(compare_all(close, plan)[0].outcome, verdict::negligible);
  const lab::test_plan strict{.min_effect = 0.001};
  EXPECT_EQ(compare_all(close, strict)[0].outcome, verdict::faster);
}

// Two pairs with p = 0.01 each would both be "significant" alone; Holm compares the smallest of three with 0.02 / 3.
TEST(Statistics, HolmCorrectionAsksMoreOfManyPairs) {
  const auto make = [](double d1, double d2) { return std::vector{std::exp(d1), std::exp(d2)}; };
  const auto alone = compare_all({make(0, 0), make(0.32, 0.33)}, plan);
  ASSERT_GT(alone[0].evidence->p_difference, 0.02 / 3);
  ASSERT_LT(alone[0].evidence->p_difference, 0.02);
  EXPECT_EQ(alone[0].outcome, verdict::faster);
  const auto among_three = compare_all({make(0, 0), make(0.32, 0.33), make(0.1, -0.1)}, plan);
  EXPECT_EQ(among_three[0].outcome, verdict::undecided);
}

/// Two models whose log ratios are these.
walls with_differences(const std::vector<double>& d) {
  walls both{std::vector(d.size(), 1.0), {}};
  for (const double x : d) both[1].push_back(std::exp(x));
  return both;
}

TEST(Statistics, EachOfSeveralLooksHasItsShareOfTheLevel) {
  const walls both = with_differences({0.320, 0.322, 0.318, 0.321, 0.319});
  const auto once = compare_all(both, plan), one_of_four = compare_all(both, {.looks = {5, 8, 12, 20}});
  EXPECT_EQ(once[0].evidence->ratio.level, 0.95);
  EXPECT_EQ(one_of_four[0].evidence->ratio.level, 0.9875);
  EXPECT_EQ(once[0].evidence->p_difference, one_of_four[0].evidence->p_difference);
  // t(0.99375, 4) = 4.315 / t(0.975, 4) = 2.776, from any table
  const auto width = [](const lab::interval& range) { return std::log(range.high / range.low); };
  EXPECT_NEAR(width(one_of_four[0].evidence->ratio) / width(once[0].evidence->ratio), 4.3147 / 2.7764, 1e-3);

  const walls doubtful = with_differences({0.32, 0.33});  // p = 0.01, as above
  EXPECT_EQ(compare_all(doubtful, {.looks = {2}})[0].outcome, verdict::faster);
  EXPECT_EQ(compare_all(doubtful, {.looks = {2, 4}})[0].outcome, verdict::undecided);
}

// Between the k-th smallest and the k-th largest: any table of the sign test has k for 8, 9, 12 and 20 rounds.
TEST(Statistics, TheSignIntervalIsOfOrderStatisticsFromEightRoundsOn) {
  for (const auto& [rounds, k, level] :
       {std::tuple(8U, 1, 0.9922), std::tuple(9U, 2, 0.9609), std::tuple(12U, 3, 0.9614), std::tuple(20U, 6, 0.9586)}) {
    std::vector<double> d;
    for (unsigned round = 0; round < rounds; ++round) d.push_back(0.01 * ((round * 7) % rounds + 1));
    std::vector<double> sorted = d;
    std::ranges::sort(sorted);
    const auto sign = compare_all(with_differences(d), plan)[0].evidence->sign;
    ASSERT_TRUE(sign) << rounds;
    EXPECT_NEAR(std::log(sign->low), sorted[static_cast<std::size_t>(k) - 1], 1e-12) << rounds;
    EXPECT_NEAR(std::log(sign->high), sorted[rounds - static_cast<std::size_t>(k)], 1e-12) << rounds;
    EXPECT_NEAR(sign->level, level, 1e-4) << rounds;
  }
  EXPECT_FALSE(compare_all(with_differences(std::vector(7, 0.1)), plan)[0].evidence->sign);
}

TEST(Statistics, NoSignIntervalWhereRoundsAreTooFewForTheLevel) {
  const lab::test_plan strict{.alpha = 0.001};  // of 8 rounds the best is 1 - 2 / 256
  EXPECT_FALSE(compare_all(with_differences(std::vector(8, 0.1)), strict)[0].evidence->sign);
}

TEST(Statistics, RanksCountTheModelsShownToBeFaster) {
  const auto pair = [](std::size_t a, std::size_t b, verdict outcome) {
    return lab::comparison{.a = a, .b = b, .outcome = outcome};
  };
  const std::vector tied_at_the_top = {pair(0, 1, verdict::equivalent), pair(0, 2, verdict::faster),
                                       pair(1, 2, verdict::faster)};
  EXPECT_EQ(lab::ranks(3, tied_at_the_top), (std::vector<unsigned>{1, 1, 3}));
  const std::vector tied_below = {pair(0, 1, verdict::slower), pair(0, 2, verdict::negligible),
                                  pair(1, 2, verdict::faster)};
  EXPECT_EQ(lab::ranks(3, tied_below), (std::vector<unsigned>{2, 1, 2}));
  EXPECT_EQ(lab::ranks(2, {pair(0, 1, verdict::undecided)}), (std::vector<unsigned>{1, 1}));
}

TEST(Statistics, WithAReferenceOnlyItsPairsAreTestedAndEachNeedsLessEvidence) {
  const std::vector<std::vector<double>> wall_s = {
      {1.00, 1.02, 0.99, 1.01, 1.00}, {2.00, 2.05, 1.97, 2.02, 2.01}, {0.50, 0.51, 0.49, 0.52, 0.50}};
  const auto pairs = lab::compare_all(wall_s, {.looks = {5}}, 1);
  ASSERT_EQ(pairs.size(), 2U);
  for (const lab::comparison& pair : pairs) {
    EXPECT_EQ(pair.b, 1U);
    EXPECT_EQ(pair.outcome, lab::verdict::faster);
  }
  EXPECT_NEAR(pairs[0].ratio, 2, 0.05);
  EXPECT_NEAR(pairs[1].ratio, 4, 0.1);
  EXPECT_NEAR(lab::median_ratio(wall_s[0], wall_s[1]), pairs[0].ratio, 1e-12);
}

TEST(Statistics, RanksOnAReferenceAreByWhatIsShownAgainstIt) {
  const lab::comparison slower{.a = 0, .b = 1, .outcome = lab::verdict::slower},
      faster{.a = 2, .b = 1, .outcome = lab::verdict::faster}, open{.a = 3, .b = 1};
  EXPECT_EQ(lab::ranks_on_reference(4, {slower, faster, open}), (std::vector<unsigned>{4, 2, 1, 2}));
}

}  // namespace
