// SPDX-License-Identifier: Apache-2.0
// Minimum-effect t test, two one-sided tests for equivalence, Holm's correction, verdicts. Where the methods and the
// figures come from: docs/design/measuring.md.
#include "lab/statistics.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>
#include <ranges>

namespace lab {

namespace {

constexpr std::size_t rounds_that_may_disagree = 8;
constexpr unsigned most_rounds_advised = 50;

/// The differences of one pair, and what the tests need to know of them.
struct sample {
  std::vector<double> d;
  double mean = 0;
  double deviation = 0;

  double standard_error(std::size_t n) const { return deviation / std::sqrt(static_cast<double>(n)); }
  bool unanimous() const {
    return std::ranges::all_of(d, [](double x) { return x > 0; }) ||
           std::ranges::all_of(d, [](double x) { return x < 0; });
  }
};

sample differences(const std::vector<double>& a, const std::vector<double>& b, double floor) {
  sample s;
  for (std::size_t round = 0; round < a.size(); ++round) s.d.push_back(std::log(b[round]) - std::log(a[round]));
  const auto n = static_cast<double>(s.d.size());
  s.mean = std::accumulate(s.d.begin(), s.d.end(), 0.0) / n;
  double squares = 0;
  for (const double x : s.d) squares += (x - s.mean) * (x - s.mean);
  s.deviation = n > 1 ? std::max(std::sqrt(squares / (n - 1)), floor) : floor;
  return s;
}

/// The levels that each test must reach, given how many looks, models and pairs there are.
struct levels {
  double interval, difference, strictest, equivalence;
};

levels levels_of(const test_plan& plan, std::size_t models, std::size_t pairs, std::size_t looks) {
  const double share = 1 / static_cast<double>(std::max<std::size_t>(looks, 1));
  const double difference = plan.alpha_difference * share;
  return {.interval = plan.alpha * share,
          .difference = difference,
          .strictest = difference / static_cast<double>(pairs),  // Holm's first step
          .equivalence = plan.alpha * share / static_cast<double>(models - 1)};
}

/// In double precision throughout: Boost would compute in long double, which takes four times as long.
using in_double = boost::math::policies::policy<boost::math::policies::promote_double<false>>;

boost::math::students_t_distribution<double, in_double> students_t(std::size_t rounds) {
  return boost::math::students_t_distribution<double, in_double>(static_cast<double>(rounds - 1));
}

/// P(T > t).
double upper_tail(double t, std::size_t rounds) {
  return boost::math::cdf(boost::math::complement(students_t(rounds), t));
}

/// The t that T exceeds with this probability.
double upper_quantile(double probability, std::size_t rounds) {
  return boost::math::quantile(boost::math::complement(students_t(rounds), probability));
}

/// Of the ratio: median_interval() of the logarithms.
std::optional<interval> sign_interval(const std::vector<double>& d, double level) {
  if (d.size() < rounds_that_may_disagree) return std::nullopt;
  std::optional<interval> found = median_interval(d, level);
  if (found) *found = {.low = std::exp(found->low), .high = std::exp(found->high), .level = found->level};
  return found;
}

/// A ratio from its logarithm; finite, however wide the interval: JSON has no infinity.
double ratio_of(double log_ratio) { return std::exp(std::clamp(log_ratio, -700.0, 700.0)); }

comparison::evidence_type weigh(const sample& s, const test_plan& plan, const levels& level) {
  const std::size_t rounds = s.d.size();
  const double margin = std::log1p(plan.min_effect);
  const double se = s.standard_error(rounds);
  const double half = se * upper_quantile(level.interval / 2, rounds);
  return {
      .ratio = {.low = ratio_of(s.mean - half), .high = ratio_of(s.mean + half), .level = 1 - level.interval},
      .sign = sign_interval(s.d, 1 - level.interval),
      .p_difference = std::min(1.0, 2 * upper_tail((std::abs(s.mean) - margin) / se, rounds)),
      .p_equivalence = std::max(upper_tail((s.mean + margin) / se, rounds), upper_tail((margin - s.mean) / se, rounds)),
      .p_zero = 2 * upper_tail(std::abs(s.mean) / se, rounds),
  };
}

/// Holm's step-down procedure: which of the hypotheses with these p values are rejected.
std::vector<bool> holm(const std::vector<double>& p, double alpha) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return p[i]; });
  std::vector<bool> rejected(p.size(), false);
  for (std::size_t step = 0; step < order.size(); ++step) {
    if (p[order[step]] > alpha / static_cast<double>(order.size() - step)) break;
    rejected[order[step]] = true;
  }
  return rejected;
}

/// Whether so many rounds with this mean and scatter would show, with a chance of 80 %, on which side of the smallest
/// effect the mean lies.
bool would_decide(const sample& s, std::size_t rounds, const test_plan& plan, const levels& level) {
  constexpr double power = 0.8;
  const double distance = std::abs(s.mean) - std::log1p(plan.min_effect);
  const bool differs = distance > 0;
  if (differs && rounds < rounds_that_may_disagree && !s.unanimous()) return false;
  const double t = upper_quantile(differs ? level.strictest / 2 : level.equivalence, rounds);
  return std::abs(distance) >= (t + upper_quantile(1 - power, rounds)) * s.standard_error(rounds);
}

std::optional<unsigned> rounds_missing(const sample& s, const test_plan& plan, const levels& one_look) {
  const auto have = static_cast<unsigned>(s.d.size());
  if (have >= most_rounds_advised) return std::nullopt;
  const auto candidates = std::views::iota(have + 1, most_rounds_advised + 1);
  const auto enough = std::ranges::partition_point(
      candidates, [&](unsigned rounds) { return !would_decide(s, rounds, plan, one_look); });
  if (enough == candidates.end()) return std::nullopt;
  return *enough - have;
}

void decide(comparison& pair, const sample& s, bool differs, const levels& level) {
  if (differs && (s.d.size() >= rounds_that_may_disagree || s.unanimous()))
    pair.outcome = s.mean > 0 ? verdict::faster : verdict::slower;
  else if (pair.evidence->p_equivalence <= level.equivalence)
    pair.outcome = pair.evidence->p_zero <= level.strictest ? verdict::negligible : verdict::equivalent;
}

}  // namespace

std::string_view to_string(verdict outcome) {
  switch (outcome) {
    case verdict::faster:
      return "faster";
    case verdict::slower:
      return "slower";
    case verdict::equivalent:
      return "equivalent";
    case verdict::negligible:
      return "negligible";
    case verdict::undecided:
      break;
  }
  return "undecided";
}

std::size_t superseded_rounds(const test_plan& plan, unsigned repeats, std::size_t rounds) {
  constexpr std::size_t enough = 3;
  if (plan.looks.empty() || repeats == 1) return 0;
  return rounds >= plan.looks.front() + enough ? plan.looks.front() : 0;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double median_ratio(const std::vector<double>& a, const std::vector<double>& b) {
  return std::exp(median(differences(a, b, 0).d));
}

/// The median lies outside if fewer than k of n fair coins show heads, or tails: so the level is exact.
std::optional<interval> median_interval(std::vector<double> values, double level) {
  std::ranges::sort(values);
  const boost::math::binomial heads(static_cast<double>(values.size()), 0.5);
  std::optional<interval> found;
  for (std::size_t k = 1; 2 * k <= values.size(); ++k) {
    const double reached = 1 - 2 * boost::math::cdf(heads, static_cast<double>(k - 1));
    if (reached < level) break;
    found = {.low = values[k - 1], .high = values[values.size() - k], .level = reached};
  }
  return found;
}

std::vector<comparison> compare_all(const std::vector<std::vector<double>>& wall_s, const test_plan& plan,
                                    std::optional<std::size_t> reference) {
  std::vector<comparison> pairs;
  std::vector<sample> samples;
  for (std::size_t a = 0; a < wall_s.size(); ++a)
    for (std::size_t b = 0; b < wall_s.size(); ++b) {
      if (reference ? a == b || b != *reference : b <= a) continue;
      samples.push_back(differences(wall_s[a], wall_s[b], plan.floor));
      pairs.push_back({.a = a, .b = b, .ratio = std::exp(median(samples.back().d))});
    }
  if (pairs.empty() || wall_s[0].size() < 2) return pairs;
  const levels level = levels_of(plan, wall_s.size(), pairs.size(), plan.looks.size());
  const levels one_look = levels_of(plan, wall_s.size(), pairs.size(), 1);
  std::vector<double> p;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i].evidence = weigh(samples[i], plan, level);
    p.push_back(pairs[i].evidence->p_difference);
  }
  const std::vector<bool> differs = holm(p, level.difference);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    decide(pairs[i], samples[i], differs[i], level);
    if (pairs[i].outcome == verdict::undecided) pairs[i].more_rounds = rounds_missing(samples[i], plan, one_look);
  }
  return pairs;
}

std::vector<unsigned> ranks(std::size_t models, const std::vector<comparison>& pairs) {
  std::vector<unsigned> rank(models, 1);
  for (const comparison& pair : pairs) {
    if (pair.outcome == verdict::faster) ++rank[pair.b];
    if (pair.outcome == verdict::slower) ++rank[pair.a];
  }
  return rank;
}

std::vector<unsigned> ranks_on_reference(std::size_t models, const std::vector<comparison>& pairs) {
  std::vector<int> behind(models, 0);  // the reference; -1: ahead of it
  for (const comparison& pair : pairs)
    behind[pair.a] = pair.outcome == verdict::faster ? -1 : pair.outcome == verdict::slower ? 1 : 0;
  std::vector<unsigned> rank;
  for (const int own : behind)
    rank.push_back(1 + static_cast<unsigned>(std::ranges::count_if(behind, [own](int other) { return other < own; })));
  return rank;
}

}  // namespace lab
