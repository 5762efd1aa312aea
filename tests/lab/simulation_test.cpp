// SPDX-License-Identifier: Apache-2.0
// How often verdicts are false, found by simulation: experiments on machines whose truth and noise are known. Seeded,
// so each run of a test sees the same experiments.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "lab/latin_square.hpp"
#include "lab/statistics.hpp"

namespace {

using lab::verdict;
using walls = std::vector<std::vector<double>>;

enum class noise { normal, drifting, spiky, unfair };
constexpr noise all_noises[] = {noise::normal, noise::drifting, noise::spiky, noise::unfair};
constexpr noise noises_of_runs[] = {noise::normal, noise::drifting,
                                    noise::spiky};  // unfair rounds of one run are normal

std::string name_of(noise kind) {
  switch (kind) {
    case noise::normal:
      return "normal";
    case noise::drifting:
      return "drifting";
    case noise::spiky:
      return "spiky";
    case noise::unfair:
      break;
  }
  return "unfair";
}

const lab::test_plan planned_looks{.looks = {5, 8, 12, 20}};
const lab::test_plan five_rounds{.looks = {5}};

constexpr int experiments = 3000;
const double margin = std::log(1.03);

/// A machine on which models take exp(log_times[model]) seconds: every run 1 % (or `scale` as much) more or less, and
/// drifting: the machine's speed walks at random, by 0.3 % from run to run and 3 % from round to round;
/// spiky: one run in seven is delayed, by 6 % on average;
/// unfair: a round is worse for one model than for another, by 1 %, however often it runs them.
class simulated_machine {
 public:
  simulated_machine(std::vector<double> log_times, noise kind, std::uint64_t seed, double scale)
      : log_times_(std::move(log_times)), kind_(kind), scale_(scale), random_(seed), order_(log_times_.size(), seed) {}

  void run_round(walls& wall_s, unsigned repeats) {
    wall_s.resize(log_times_.size());
    if (kind_ == noise::drifting) speed_ += 0.03 * gauss_(random_);
    walls of(log_times_.size());
    for (unsigned run = 0; run < repeats; ++run)
      for (const std::size_t model : order_.next_row())
        of[model].push_back(std::exp(log_times_[model] + scale_ * disturbed()));
    for (std::size_t model = 0; model < of.size(); ++model) {
      const double luck = kind_ == noise::unfair ? 0.01 * gauss_(random_) : 0;
      wall_s[model].push_back(lab::median(of[model]) * std::exp(luck));
    }
  }

 private:
  double disturbed() {
    double x = 0.01 * gauss_(random_);
    if (kind_ == noise::drifting) x += speed_ += 0.003 * gauss_(random_);
    if (kind_ == noise::spiky && std::bernoulli_distribution(0.15)(random_))
      x += std::exponential_distribution<double>(1 / 0.06)(random_);
    return x;
  }

  std::vector<double> log_times_;
  noise kind_;
  double scale_;
  std::mt19937_64 random_;
  std::normal_distribution<double> gauss_;
  lab::latin_square order_;
  double speed_ = 0;
};

/// Without the rounds that are not tested.
walls tested(walls wall_s, const lab::test_plan& plan, unsigned repeats) {
  for (auto& of_model : wall_s) {
    const std::size_t superseded = lab::superseded_rounds(plan, repeats, of_model.size());
    of_model.erase(of_model.begin(), of_model.begin() + static_cast<std::ptrdiff_t>(superseded));
  }
  return wall_s;
}

/// Runs rounds until every pair is decided at a planned look, or there are no more looks; after the first look every
/// model so many times.
std::vector<lab::comparison> experiment(simulated_machine machine, const lab::test_plan& plan, unsigned repeats) {
  walls wall_s;
  std::vector<lab::comparison> pairs;
  for (unsigned round = 1; const unsigned look : plan.looks) {
    for (; round <= look; ++round) machine.run_round(wall_s, look == plan.looks.front() ? 1 : repeats);
    pairs = lab::compare_all(tested(wall_s, plan, repeats), plan);
    if (std::ranges::find(pairs, verdict::undecided, &lab::comparison::outcome) == pairs.end()) break;
  }
  return pairs;
}

/// In how many of these experiments, of all, at least one pair has such a verdict.
struct shares {
  double different = 0, same = 0;
};
struct conditions {
  int count = experiments;
  std::size_t models = 9;
  double scale = 1;
  unsigned repeats = 1;
};
shares verdicts(const std::vector<double>& log_times, noise kind, const lab::test_plan& plan,
                const conditions& under = {}) {
  const auto& [count, models, scale, repeats] = under;
  shares found;
  for (int seed = 1; seed <= count; ++seed) {
    bool different = false, same = false;
    for (const auto& pair : experiment({log_times, kind, static_cast<std::uint64_t>(seed), scale}, plan, repeats)) {
      if (pair.b >= models) continue;  // only pairs of the first `models` are asked for
      different |= pair.outcome == verdict::faster || pair.outcome == verdict::slower;
      same |= pair.outcome == verdict::equivalent || pair.outcome == verdict::negligible;
    }
    found.different += different ? 1. / count : 0;
    found.same += same ? 1. / count : 0;
  }
  return found;
}

/// How often the interval of an experiment with this plan holds the true ratio.
double coverage(noise kind, const lab::test_plan& plan, std::optional<lab::interval> (*of)(const lab::comparison&),
                double scale = 1, unsigned repeats = 1) {
  int covered = 0;
  for (std::uint64_t seed = 1; seed <= experiments; ++seed) {
    const auto pairs = experiment({{0, 0.2}, kind, seed, scale}, plan, repeats);
    const auto range = of(pairs[0]);
    covered += range && range->low <= std::exp(0.2) && std::exp(0.2) <= range->high ? 1 : 0;
  }
  return static_cast<double>(covered) / experiments;
}

std::optional<lab::interval> t_interval(const lab::comparison& pair) { return pair.evidence->ratio; }
std::optional<lab::interval> sign_interval(const lab::comparison& pair) { return pair.evidence->sign; }

TEST(Simulation, OfEqualModelsOneInAHundredAtMostIsCalledFaster) {
  for (const noise kind : all_noises)
    for (const auto& plan : {planned_looks, five_rounds})
      EXPECT_LE(verdicts({0, 0}, kind, plan).different, 0.01) << name_of(kind);
}

// 3 % apart is not more than 3 % apart, nor less: the hardest case there is.
TEST(Simulation, OfModelsThatDifferByTheSmallestEffectFewAreCalledFasterOrTheSame) {
  for (const noise kind : noises_of_runs)
    for (const auto& plan : {planned_looks, five_rounds}) {
      const shares found = verdicts({0, margin}, kind, plan);
      EXPECT_LE(found.different, 0.01) << name_of(kind);
      EXPECT_LE(found.same, 0.05) << name_of(kind);
    }
}

TEST(Simulation, AllPairsOfFourModelsTogetherAreCalledFasterAsSeldom) {
  for (const noise kind : all_noises) {
    EXPECT_LE(verdicts({0, 0, 0, 0}, kind, planned_looks, {.count = 1000}).different, 0.01) << name_of(kind);
    EXPECT_LE(verdicts({0, margin, 0, 1}, kind, planned_looks, {.count = 1000, .models = 3}).different, 0.01)
        << name_of(kind);
  }
}

TEST(Simulation, FiveRoundsFindEqualityAtOnePercentNoise) {
  EXPECT_GE(verdicts({0, 0}, noise::normal, five_rounds).same, 0.95);
}

TEST(Simulation, PlannedLooksFindWhatIsThere) {
  for (const noise kind : {noise::normal, noise::drifting}) {
    EXPECT_GE(verdicts({0, 0}, kind, planned_looks).same, 0.99) << name_of(kind);
    EXPECT_GE(verdicts({0, std::log(1.1)}, kind, planned_looks).different, 0.99) << name_of(kind);
  }
  EXPECT_GE(verdicts({0, std::log(1.2)}, noise::spiky, planned_looks).different, 0.99);
}

// A noisy machine, on which single runs decide nothing: each scatters by 8 %, as here on a bad day.
TEST(Simulation, RunsRepeatedInRoundsErrAsSeldom) {
  for (const noise kind : all_noises) {
    const shares found = verdicts({0, margin}, kind, planned_looks, {.scale = 8, .repeats = 40});
    EXPECT_LE(found.different, 0.01) << name_of(kind);
    EXPECT_LE(found.same, 0.05) << name_of(kind);
  }
  EXPECT_GE(coverage(noise::unfair, planned_looks, t_interval, 8, 40), 0.95);
}

TEST(Simulation, RunsRepeatedInRoundsFindEqualityAmongMuchNoise) {
  EXPECT_LE(verdicts({0, 0}, noise::normal, planned_looks, {.scale = 8}).same, 0.01);
  EXPECT_GE(verdicts({0, 0}, noise::normal, planned_looks, {.scale = 8, .repeats = 40}).same, 0.95);
}

TEST(Simulation, TheRoundsAdvisedDecideInFourOfFiveExperiments) {
  walls seen{std::vector(5, 1.0), {}};
  for (const double x : {-1.5, -0.5, 0., 0.5, 1.5}) seen[1].push_back(std::exp(margin + 0.03 + 0.03 * x / 1.118));
  const auto advised = lab::compare_all(seen, five_rounds)[0];  // a mean of 3 % above the margin, a scatter of 3 %
  ASSERT_EQ(advised.outcome, verdict::undecided);
  ASSERT_TRUE(advised.more_rounds);
  const unsigned rounds = 5 + *advised.more_rounds;
  std::mt19937_64 random(1);
  std::normal_distribution<double> d(margin + 0.03, 0.03);
  int decided = 0;
  for (int i = 0; i < experiments; ++i) {
    walls both{std::vector(rounds, 1.0), {}};
    for (unsigned round = 0; round < rounds; ++round) both[1].push_back(std::exp(d(random)));
    decided += lab::compare_all(both, {.looks = {rounds}})[0].outcome == verdict::faster ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(decided) / experiments, 0.8, 0.05) << rounds;
}

TEST(Simulation, IntervalsHoldTheTrueRatioAsOftenAsTheySay) {
  for (const unsigned rounds : {5U, 8U, 20U}) {
    const lab::test_plan plan{.looks = {rounds}};
    for (const noise kind : {noise::normal, noise::drifting})
      EXPECT_NEAR(coverage(kind, plan, t_interval), 0.95, 0.01) << name_of(kind) << ", " << rounds;
    EXPECT_GE(coverage(noise::spiky, plan, t_interval), 0.94) << rounds;  // more often than they say: 97 %
  }
  for (const noise kind : all_noises)
    EXPECT_NEAR(coverage(kind, {.looks = {8}}, sign_interval), 1 - 2 / 256., 0.01) << name_of(kind);
  for (const noise kind : all_noises) EXPECT_GE(coverage(kind, planned_looks, t_interval), 0.95) << name_of(kind);
}

}  // namespace
