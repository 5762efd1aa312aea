// SPDX-License-Identifier: Apache-2.0
// Which of several models is faster, from wall times measured in rounds. Pure functions: nothing is run here.
//
// A round runs every model once, or several times and has the median. Only differences within a round are analysed:
// what slows a whole round down (frequency, neighbours, page cache) cancels out. d = ln(wall of b) - ln(wall of a), one
// per round; exp(d) is how many times as fast a is.
//
// The data are looked at after a planned number of rounds, or after several: each look then has an equal share of the
// chances of error (Bonferroni), so that all looks together err no more often than one would. Looking whenever one
// likes, without that, finds a difference between equal models in 22.6 % of cases (3 to 20 rounds).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace lab {

enum class verdict {
  faster,      // a is faster than b, and by more than the smallest effect that matters
  slower,      // the reverse
  equivalent,  // shown to differ by less than that effect
  negligible,  // shown to differ, and by less than that effect
  undecided,   // none of these could be shown
};
std::string_view to_string(verdict outcome);

struct test_plan {
  double alpha = 0.05;             // chance that any "equivalent" is false, and that an interval misses its ratio
  double alpha_difference = 0.02;  // of any "faster" or "slower", on both sides: 1 % at a true ratio of 1 + min_effect
  double min_effect = 0.03;        // smallest relative difference that matters
  double floor = 0.001;            // scatter of d below this is not believed: no interval has zero width
  std::vector<unsigned> looks{};   // after how many rounds verdicts are drawn, ascending; empty: once
};

/// Where verdicts are drawn unless a number of rounds is asked for.
inline const std::vector<unsigned> automatic_looks = {5, 8, 12, 20};

struct interval {
  double low, high;
  double level;  // how often such an interval holds the true value
};

/// Model a against model b.
struct comparison {
  std::size_t a, b;
  verdict outcome = verdict::undecided;
  double ratio = 1;  // how many times as fast a is as b: exp of the median d

  struct evidence_type {
    interval ratio;  // Student's t, for this pair and this look alone
    std::optional<interval>
        sign{};            // of the median, whatever its distribution: from order statistics, from 8 rounds on
    double p_difference;   // of "they differ by the smallest effect or less", two-sided
    double p_equivalence;  // of "they differ by the smallest effect or more" (two one-sided tests)
    double p_zero;         // of "they do not differ at all", two-sided
  };
  std::optional<evidence_type> evidence{};  // from two rounds on

  /// If undecided: an experiment of how many more rounds would decide, with one look at its end and a chance of 80 %;
  /// nothing if that cannot be said or is over 50 rounds in all.
  std::optional<unsigned> more_rounds{};
};

/// How many of the first rounds are no longer tested, of rounds that after the first look ran every model `repeats`
/// times: those of one run, which scatter more, as soon as there are three others. They were looked at once, and what
/// is tested then is independent of them.
std::size_t superseded_rounds(const test_plan& plan, unsigned repeats, std::size_t rounds);

double median(std::vector<double> values);

/// How many times as fast a is as b: the median over rounds. Wall times, as many of both.
double median_ratio(const std::vector<double>& a, const std::vector<double>& b);

/// Of the median, whatever the distribution of the values: from the k-th smallest to the k-th largest, for the largest
/// k that reaches the level. Nothing if there is none: 95 % needs six values.
std::optional<interval> median_interval(std::vector<double> values, double level);

/// All pairs a < b; or, with a reference, each other model as a and that as b, which needs less evidence.
/// wall_s[model][round], all models with equally many rounds (at least one) and positive times. Differences are tested
/// with Holm's correction over the pairs; equality at alpha / (models - 1), which is enough for all pairs; all at the
/// share of one look. With fewer than eight rounds a difference must show in every one of them.
std::vector<comparison> compare_all(const std::vector<std::vector<double>>& wall_s, const test_plan& plan,
                                    std::optional<std::size_t> reference = std::nullopt);

/// Competition ranks: one more than the number of models shown to be faster. Ties, and what is undecided, share a rank.
std::vector<unsigned> ranks(std::size_t models, const std::vector<comparison>& pairs);

/// The same of pairs with a reference: what is faster than it comes first; then it, with all that is not shown to
/// differ; then what is slower.
std::vector<unsigned> ranks_on_reference(std::size_t models, const std::vector<comparison>& pairs);

}  // namespace lab
