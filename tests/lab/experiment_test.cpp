// SPDX-License-Identifier: Apache-2.0
// Experiments with a workload whose hosts are shell scripts.
#include "lab/experiment.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "lab/interruption.hpp"
#include "lab/process_tree.hpp"
#include "lab/record_reader.hpp"

namespace {

const std::string good_record =
    R"({"wall_s":0.5,"cpu_user_s":0.1,"cpu_sys_s":0,"ctx":{"voluntary":1,"involuntary":1},"faults":{"minor":1,"major":0},)"
    R"("mem":{},"tasks":[{"start_s":0.1,"end_s":0.5,"ok":true,"type":"int","value":"7"}]})";

/// Each model is a script.
class scripted final : public lab::workload {
 public:
  explicit scripted(std::map<std::string, std::string> scripts) : scripts_(std::move(scripts)) {}
  std::string title() const override { return "scripts"; }
  nlohmann::json describe() const override { return {{"kind", "test"}}; }
  void prepare(unsigned tasks) override { prepared_for = tasks; }
  std::optional<std::string> unavailable(std::string_view model) const override {
    if (scripts_.contains(std::string(model))) return std::nullopt;
    return "no script";
  }
  std::vector<std::string> host_command(std::string_view model, unsigned, unsigned) const override {
    return {"sh", "-c", scripts_.at(std::string(model))};
  }
  unsigned prepared_for = 0;

 private:
  std::map<std::string, std::string> scripts_;
};

struct Experiment : testing::Test {
  static void SetUpTestSuite() { lab::become_subreaper(); }
  void SetUp() override { std::ofstream{count}; }
  void TearDown() override {
    EXPECT_TRUE(lab::children_of(getpid()).empty());
    std::filesystem::remove(count);
  }

  /// Fixed rounds, without warming up.
  lab::record run(std::map<std::string, std::string> scripts, unsigned rounds) {
    plan.test.looks = {rounds};
    plan.warmups = 0;
    return run(std::move(scripts));
  }
  lab::record run(std::map<std::string, std::string> scripts) {
    scripted work(std::move(scripts));
    lab::observer nobody;
    lab::record found = lab::run_experiment(work, plan, nobody);
    EXPECT_EQ(work.prepared_for, 1U);
    return found;
  }
  static std::size_t runs_of(const lab::record& found, const std::string& model) {
    return static_cast<std::size_t>(
        std::ranges::count(found.runs, model, [](const lab::run_record& run) { return run.model; }));
  }

  /// A run of 0.5 s the first time, of 0.6 s the second, and so on.
  std::string restless() const {
    std::string record = good_record;
    record.replace(record.find("0.5"), 3, "0.'$((5 + $(wc -l <" + count + ") % 2))'");
    return "echo '" + record + "' >&3; echo x >>" + count;
  }

  const std::string count = testing::TempDir() + "fanout_experiment_" + std::to_string(getpid());
  const std::string good = "echo '" + good_record + "' >&3";
  lab::experiment_plan plan{.models = {"serial", "async", "threads"}, .tasks = 1, .workers = 1, .seed = 3};
};

TEST_F(Experiment, RunsEveryModelOncePerRound) {
  const lab::record found = run({{"serial", good}, {"async", good}, {"threads", good}}, 4);
  EXPECT_EQ(found.runs.size(), 12U);
  ASSERT_EQ(found.order.size(), 4U);
  for (const auto& round : found.order) EXPECT_EQ(round.size(), 3U);
  for (const lab::run_record& run : found.runs) {
    EXPECT_EQ(run.error, "");
    EXPECT_EQ(run.model, found.order.at(run.round - 1).at(run.position - 1));
  }
}

TEST_F(Experiment, AModelThatFailsIsNotRunAgainAndStopsNoOther) {
  const lab::record found = run({{"serial", good}, {"async", "kill -ABRT $$"}, {"threads", good}}, 3);
  EXPECT_EQ(runs_of(found, "async"), 1U);
  EXPECT_EQ(runs_of(found, "serial"), 3U);
  EXPECT_EQ(runs_of(found, "threads"), 3U);
  for (const lab::run_record& run : found.runs)
    if (run.model == "async")
      EXPECT_EQ(run.error, "the process that ran the tasks ended without a result: SIGABRT (aborted)");
}

TEST_F(Experiment, AddsUpThePeaksOfAllProcesses) {
  std::string with_worker = good_record;
  with_worker.replace(with_worker.find("\"mem\":{}"), 8,
                      R"("mem":{"vmhwm_bytes":30000000},"workers":[{"pid":1,"vmhwm_bytes":50000000}])");
  const lab::record found = run({{"serial", "echo '" + with_worker + "' >&3"}}, 1);
  EXPECT_GE(found.runs.at(0).vmhwm_tree_bytes, 80'000'000U);  // and what was seen of the shell's own, if it was
}

TEST_F(Experiment, EndsEarlyWhenAllModelsHaveFailed) {
  const lab::record found = run({{"serial", "exit 1"}, {"async", "exit 1"}, {"threads", "exit 1"}}, 3);
  EXPECT_EQ(found.order.size(), 1U);
}

TEST_F(Experiment, EndsAtTheFirstLookAtWhichEveryPairIsDecided) {
  plan.test.looks = {3, 6};
  const lab::record found = run({{"serial", good}, {"async", good}, {"threads", good}});
  EXPECT_EQ(found.order.size(), 3U);
  EXPECT_FALSE(found.budget_spent);
}

TEST_F(Experiment, GoesOnToTheLastLookForWhatIsUndecided) {
  plan.test.looks = {3, 6};
  const lab::record found = run({{"serial", good}, {"async", restless()}, {"threads", good}});
  EXPECT_EQ(found.order.size(), 6U);
}

// The hosts take milliseconds, whatever they tell.
TEST_F(Experiment, RunsWhatIsShortAndUndecidedSeveralTimesARoundAfterTheFirstLook) {
  plan.test.looks = {2, 4};
  plan.warmups = 0;
  plan.budget = std::chrono::seconds(30);
  const lab::record found = run({{"serial", good}, {"async", restless()}});
  ASSERT_EQ(found.order.size(), 4U);
  EXPECT_GT(found.repeats, 1U);
  for (unsigned round = 1; round <= 4; ++round) {
    const std::size_t runs = round <= 2 ? 1 : found.repeats;
    EXPECT_EQ(found.order[round - 1].size(), 2 * runs);
    for (const char* model : {"serial", "async"})
      EXPECT_EQ(std::ranges::count(found.order[round - 1], model), static_cast<std::ptrdiff_t>(runs));
  }
  EXPECT_EQ(lab::to_json(lab::read_record(lab::to_json(found), "")), lab::to_json(found));
}

TEST_F(Experiment, RunsNothingMoreOftenThanItsBudgetAllows) {
  plan.test.looks = {2, 4};
  plan.budget = std::chrono::milliseconds(1);
  plan.least_rounds = 3;
  const lab::record found = run({{"serial", good}, {"async", restless()}});
  EXPECT_EQ(found.order.size(), 3U);
  EXPECT_EQ(found.repeats, 1U);
}

TEST_F(Experiment, GoesOnForAClaimThatIsOpen) {
  plan.test.looks = {3, 6};
  plan.claims = {*lab::parse_claim("serial < async")};  // they are equal
  EXPECT_EQ(run({{"serial", good}, {"async", good}, {"threads", good}}).order.size(), 6U);
  plan.claims = {*lab::parse_claim("serial < 0.5*async"), *lab::parse_claim("serial < 2*async")};
  EXPECT_EQ(run({{"serial", good}, {"async", good}, {"threads", good}}).order.size(), 3U) << "one false, one shown";
}

TEST_F(Experiment, EndsAfterTheRoundInWhichItsBudgetIsSpent) {
  plan.budget = std::chrono::nanoseconds(1);
  const std::map<std::string, std::string> scripts = {{"serial", good}, {"async", restless()}, {"threads", good}};
  lab::record found = run(scripts);
  EXPECT_EQ(found.order.size(), 1U);
  EXPECT_EQ(found.runs.size(), 3U) << "that round is whole";
  EXPECT_TRUE(found.budget_spent);
  plan.least_rounds = 4;
  EXPECT_EQ(run(scripts).order.size(), 4U);
}

TEST_F(Experiment, WarmsEveryModelUpBeforeTheFirstRound) {
  plan.test.looks = {2};
  plan.warmups = 2;
  const lab::record found = run({{"serial", good}, {"async", restless()}, {"threads", "exit 1"}});
  ASSERT_EQ(found.warmup_runs.size(), 5U);
  EXPECT_EQ(found.warmup_runs[0].round, 0U);
  EXPECT_EQ(found.runs.size(), 4U);
  EXPECT_EQ(runs_of(found, "threads"), 0U) << "what fails when it warms up is not measured";
  EXPECT_EQ(found.warmup_runs[2].error, "the process that ran the tasks ended without a result: exit code 1");
}

TEST_F(Experiment, AModelThatTakesTooLongFailsAndStopsNoOther) {
  plan.timeout = std::chrono::seconds(2);
  const lab::record found = run({{"serial", good}, {"async", "sleep 1000 & wait"}, {"threads", good}}, 2);
  EXPECT_EQ(runs_of(found, "async"), 1U);
  EXPECT_EQ(runs_of(found, "threads"), 2U);
  const auto late = std::ranges::find(found.runs, "async", &lab::run_record::model);
  EXPECT_EQ(late->summary, "no result after 2 s");
  EXPECT_EQ(late->error, "no result after 2 s; --timeout gives it more time");
}

TEST_F(Experiment, TheSameSeedGivesTheSameOrder) {
  const std::map<std::string, std::string> scripts = {{"serial", good}, {"async", good}, {"threads", good}};
  const auto order = run(scripts, 4).order;
  EXPECT_EQ(run(scripts, 4).order, order);
  plan.seed = 4;
  EXPECT_NE(run(scripts, 4).order, order);
}

TEST_F(Experiment, KeepsTheConditionsOfEachRound) {
  const lab::record found = run({{"serial", good}}, 3);
  ASSERT_EQ(found.conditions.size(), 3U);
  for (const lab::round_conditions& round : found.conditions) EXPECT_LE(round.others.value_or(0), 1);
}

TEST_F(Experiment, AnUnavailableModelIsNotRunAndSaysWhy) {
  const lab::record found = run({{"serial", good}, {"threads", good}}, 2);
  ASSERT_EQ(found.unavailable.size(), 1U);
  EXPECT_EQ(found.unavailable[0].model, "async");
  EXPECT_EQ(found.unavailable[0].reason, "no script");
  EXPECT_EQ(runs_of(found, "async"), 0U);
}

struct keeper final : lab::observer {
  void interrupted(lab::record whole) override { kept = std::move(whole); }
  std::optional<lab::record> kept{};
};

TEST_F(Experiment, GoesOnAfterASignalInTheOrderItWouldHaveHad) {
  plan.test.looks = {7};
  plan.warmups = 0;
  plan.seed = 11;
  const std::map<std::string, std::string> undisturbed = {{"serial", good}, {"async", good}, {"threads", good}};
  const auto order = run(undisturbed).order;
  const std::string signals_at_its_eighth_run = "echo x >>" + count + "; if [ $(wc -l <" + count +
                                                ") = 8 ]; then kill -INT " + std::to_string(getpid()) +
                                                "; sleep 1000; fi; " + good;
  scripted work({{"serial", signals_at_its_eighth_run},
                 {"async", signals_at_its_eighth_run},
                 {"threads", signals_at_its_eighth_run}});
  keeper watcher;
  {
    const lab::interruption signals;
    EXPECT_THROW(lab::run_experiment(work, plan, watcher), lab::interrupted);
  }
  ASSERT_TRUE(watcher.kept);
  EXPECT_TRUE(watcher.kept->interrupted);
  EXPECT_EQ(watcher.kept->order.size(), 2U) << "the third round was not whole";
  EXPECT_EQ(watcher.kept->runs.size(), 6U);
  const lab::record begun = lab::read_record(lab::to_json(*watcher.kept));  // as from a file
  const lab::record whole = lab::resume_experiment(work, begun, {}, {}, 1, watcher);
  EXPECT_FALSE(whole.interrupted);
  EXPECT_EQ(whole.order, order);
  EXPECT_EQ(whole.runs.size(), 21U);
  EXPECT_EQ(whole.conditions.size(), 7U);
}

TEST_F(Experiment, GoesOnWithAsManyRunsARoundAsWereChosen) {
  plan.test.looks = {2, 5};
  plan.warmups = 0;
  plan.budget = std::chrono::seconds(30);
  const std::map<std::string, std::string> scripts = {{"serial", good}, {"async", restless()}};
  const lab::record whole = run(scripts);
  ASSERT_GT(whole.repeats, 1U);
  ASSERT_EQ(whole.order.size(), 5U);
  lab::record begun = whole;
  begun.interrupted = true;
  begun.order.resize(3);
  begun.conditions.resize(3);
  std::erase_if(begun.runs, [](const lab::run_record& run) { return run.round > 3; });
  scripted work(scripts);
  lab::observer nobody;
  const lab::record resumed =
      lab::resume_experiment(work, lab::read_record(lab::to_json(begun)), {}, plan.budget, 1, nobody);
  EXPECT_EQ(resumed.order, whole.order);
}

TEST_F(Experiment, IsNotResumedIfItIsCompleteOrAnother) {
  const std::map<std::string, std::string> scripts = {{"serial", good}, {"async", good}, {"threads", good}};
  lab::record begun = run(scripts, 2);
  const auto refusal = [&](std::map<std::string, std::string> with) -> std::string {
    scripted work(std::move(with));
    lab::observer nobody;
    try {
      lab::resume_experiment(work, begun, {}, {}, 1, nobody);
    } catch (const lab::usage_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal(scripts), "the experiment is complete: there is nothing to go on with");
  begun.interrupted = true;
  begun.test.looks = {3};
  EXPECT_EQ(refusal(scripts), "");
  EXPECT_EQ(refusal({{"serial", good}, {"threads", good}}), "cannot go on: async is not available: no script");
  begun.workload["kind"] = "other";
  EXPECT_EQ(refusal(scripts), R"(cannot go on: the work's kind was "other", now it is "test")");
  begun.machine["cpus_effective"] = 4711;
  EXPECT_NE(refusal(scripts).find("cannot go on: the machine's cpus_effective was 4711, now it is "),
            std::string::npos);
}

TEST_F(Experiment, WhatHasFailedIsNotRunWhenItIsResumed) {
  const std::map<std::string, std::string> scripts = {{"serial", good}, {"async", "exit 1"}, {"threads", good}};
  lab::record begun = run(scripts, 2);
  begun.interrupted = true;
  begun.test.looks = {4};
  scripted work(scripts);
  lab::observer nobody;
  const lab::record whole = lab::resume_experiment(work, begun, {}, {}, 1, nobody);
  EXPECT_EQ(runs_of(whole, "async"), 1U);
  EXPECT_EQ(runs_of(whole, "threads"), 4U);
}

TEST_F(Experiment, ASignalEndsIt) {
  const lab::interruption signals;
  EXPECT_THROW(
      run({{"serial", good}, {"async", "kill -INT " + std::to_string(getpid()) + "; sleep 1000"}, {"threads", good}},
          2),
      lab::interrupted);
}

}  // namespace
