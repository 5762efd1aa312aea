// SPDX-License-Identifier: Apache-2.0
// Experiments with a workload whose hosts are shell scripts.
#include "lab/experiment.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "lab/interruption.hpp"
#include "lab/process_tree.hpp"

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
  void TearDown() override { EXPECT_TRUE(lab::children_of(getpid()).empty()); }

  lab::record run(std::map<std::string, std::string> scripts, unsigned rounds) {
    scripted work(std::move(scripts));
    lab::observer nobody;
    lab::record found = lab::run_experiment(
        work,
        {.models = {"serial", "async", "threads"}, .tasks = 1, .workers = 1, .rounds = rounds, .seed = 3, .test = {}},
        nobody);
    EXPECT_EQ(work.prepared_for, 1U);
    return found;
  }
  static std::size_t runs_of(const lab::record& found, const std::string& model) {
    return static_cast<std::size_t>(
        std::ranges::count(found.runs, model, [](const lab::run_record& run) { return run.model; }));
  }

  const std::string good = "echo '" + good_record + "' >&3";
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

TEST_F(Experiment, EndsEarlyWhenAllModelsHaveFailed) {
  const lab::record found = run({{"serial", "exit 1"}, {"async", "exit 1"}, {"threads", "exit 1"}}, 3);
  EXPECT_EQ(found.order.size(), 1U);
}

TEST_F(Experiment, AnUnavailableModelIsNotRunAndSaysWhy) {
  const lab::record found = run({{"serial", good}, {"threads", good}}, 2);
  ASSERT_EQ(found.unavailable.size(), 1U);
  EXPECT_EQ(found.unavailable[0].model, "async");
  EXPECT_EQ(found.unavailable[0].reason, "no script");
  EXPECT_EQ(runs_of(found, "async"), 0U);
}

TEST_F(Experiment, ASignalEndsIt) {
  const lab::interruption signals;
  EXPECT_THROW(
      run({{"serial", good}, {"async", "kill -INT " + std::to_string(getpid()) + "; sleep 1000"}, {"threads", good}},
          2),
      lab::interrupted);
}

}  // namespace
