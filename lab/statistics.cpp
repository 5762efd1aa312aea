// SPDX-License-Identifier: Apache-2.0
// Minimum-effect t test, two one-sided tests for equivalence, Holm's correction, verdicts.
#include "lab/statistics.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>

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

/// P(T > t) of Student's t.
double upper_tail(double t, std::size_t rounds) {
  const boost::math::students_t distribution(static_cast<double>(rounds - 1));
  return boost::math::cdf(boost::math::complement(distribution, t));
}

/// The tests, as if `rounds` rounds had shown this mean and scatter.
comparison::evidence_type weigh(const sample& s, std::size_t rounds, const test_plan& plan) {
  const double margin = std::log1p(plan.min_effect);
  const double se = s.standard_error(rounds);
  const boost::math::students_t distribution(static_cast<double>(rounds - 1));
  const double half = se * boost::math::quantile(boost::math::complement(distribution, plan.alpha / 2));
  return {
      .ratio = {std::exp(s.mean - half), std::exp(s.mean + half)},
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

/// The levels that each test must reach, given how many models and pairs there are.
struct levels {
  double strictest, equivalence;
};

std::optional<unsigned> rounds_missing(const sample& s, const test_plan& plan, const levels& level) {
  const std::size_t have = s.d.size();
  for (unsigned more = 1; have + more <= most_rounds_advised; ++more) {
    const auto then = weigh(s, have + more, plan);
    if (then.p_difference <= level.strictest || then.p_equivalence <= level.equivalence) return more;
  }
  return std::nullopt;
}

void decide(comparison& pair, const sample& s, bool differs, const test_plan& plan, const levels& level) {
  if (differs && (s.d.size() >= rounds_that_may_disagree || s.unanimous()))
    pair.outcome = s.mean > 0 ? verdict::faster : verdict::slower;
  else if (pair.evidence->p_equivalence <= level.equivalence)
    pair.outcome = pair.evidence->p_zero <= level.strictest ? verdict::negligible : verdict::equivalent;
  else
    pair.more_rounds = rounds_missing(s, plan, level);
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

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::vector<comparison> compare_all(const std::vector<std::vector<double>>& wall_s, const test_plan& plan) {
  std::vector<comparison> pairs;
  std::vector<sample> samples;
  for (std::size_t a = 0; a < wall_s.size(); ++a)
    for (std::size_t b = a + 1; b < wall_s.size(); ++b) {
      samples.push_back(differences(wall_s[a], wall_s[b], plan.floor));
      pairs.push_back({.a = a, .b = b, .ratio = std::exp(median(samples.back().d))});
    }
  if (pairs.empty() || wall_s[0].size() < 2) return pairs;
  std::vector<double> p;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i].evidence = weigh(samples[i], wall_s[0].size(), plan);
    p.push_back(pairs[i].evidence->p_difference);
  }
  const levels level{.strictest = plan.alpha / static_cast<double>(pairs.size()),
                     .equivalence = plan.alpha / static_cast<double>(wall_s.size() - 1)};
  const std::vector<bool> differs = holm(p, plan.alpha);
  for (std::size_t i = 0; i < pairs.size(); ++i) decide(pairs[i], samples[i], differs[i], plan, level);
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

}  // namespace lab
