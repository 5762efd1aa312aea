// SPDX-License-Identifier: Apache-2.0
// What hosts write, and what the record says of it.
#include "lab/record.hpp"

#include <gtest/gtest.h>

#include "lab/analysis.hpp"
#include "tests/lab/sample_record.hpp"

namespace {

using nlohmann::json;

const char* const good = R"({"wall_s":2.5,"cpu_user_s":2.0,"cpu_sys_s":0.25,"ctx":{"voluntary":3,"involuntary":4},
  "faults":{"minor":100,"major":1},"mem":{"vmhwm_bytes":5000000},
  "tasks":[{"start_s":0.5,"end_s":1.0,"ok":true,"type":"int","value":"333333283333335000000"},
           {"start_s":0.25,"end_s":2.0,"ok":true,"type":"none","value":null}]})";

TEST(HostRecord, IsTakenOverWithSetUpAsTheEarliestStart) {
  lab::run_record run;
  lab::read_host_record(good, run);
  EXPECT_EQ(run.error, "");
  EXPECT_EQ(run.wall_s, 2.5);
  EXPECT_EQ(run.setup_s, 0.25);
  EXPECT_EQ(run.cpu_s(), 2.25);
  EXPECT_EQ(run.voluntary_switches, 3);
  EXPECT_EQ(run.major_faults, 1);
  EXPECT_EQ(run.peak_bytes(), 5'000'000U);
  EXPECT_EQ(run.tasks.at(0).value, "333333283333335000000");
}

TEST(HostRecord, TellsHowThreadsWaitedForTheirInterpreter) {
  json host = json::parse(good);
  host["gil"] = {{"wait_s", 0.5}, {"switch_s", 0.25},  {"runq_s", 0.125},
                 {"waits", 7},    {"max_wait_s", 0.1}, {"method", "m"}};
  lab::run_record run;
  lab::read_host_record(host.dump(), run);
  ASSERT_TRUE(run.gil);
  EXPECT_EQ(run.gil->wait_s, 0.5);
  EXPECT_EQ(run.gil->switch_s, 0.25);
  EXPECT_EQ(run.gil->runq_s, 0.125);
  EXPECT_EQ(run.gil->waits, 7U);
  EXPECT_EQ(run.gil->max_wait_s, 0.1);
  EXPECT_EQ(run.gil->method, "m");
}

TEST(HostRecord, TellsWhyNobodyKnowsHowTheyDid) {
  json host = json::parse(good);
  host["gil"] = {{"unavailable", "because"}};
  lab::run_record run;
  lab::read_host_record(host.dump(), run);
  ASSERT_TRUE(run.gil);
  EXPECT_EQ(run.gil->unavailable, "because");
}

TEST(HostRecord, TellsWhatEachWorkerUsed) {
  lab::run_record run;
  lab::read_host_record(
      R"({"wall_s":1,"cpu_user_s":1,"cpu_sys_s":0,"ctx":{"voluntary":3,"involuntary":4},"faults":{"minor":1,"major":0},
          "mem":{},"tasks":[{"start_s":0.1,"end_s":0.9,"ok":true,"type":"none","value":null,"worker":1}],
          "workers":[{},{"cpu_s":0.5,"runq_s":0.1,"gil_s":0.2,"voluntary":7,"pid":4711,"vmhwm_bytes":8000}],
          "loop":{"max_lag_s":0.25},"shipped_bytes":300})",
      run);
  EXPECT_EQ(run.error, "");
  EXPECT_EQ(run.tasks[0].worker, 1U);
  ASSERT_EQ(run.workers.size(), 2U);
  EXPECT_FALSE(run.workers[0].cpu_s);
  EXPECT_EQ(run.workers[1].cpu_s, 0.5);
  EXPECT_EQ(run.workers[1].runq_s, 0.1);
  EXPECT_EQ(run.workers[1].gil_s, 0.2);
  EXPECT_EQ(run.workers[1].voluntary, 7);
  EXPECT_EQ(run.worker_peaks.at(4711), 8000U);
  EXPECT_EQ(run.max_lag_s, 0.25);
  EXPECT_EQ(run.shipped_bytes, 300U);
}

TEST(HostRecord, TheFirstFailedTasksErrorIsTheRuns) {
  lab::run_record run;
  lab::read_host_record(
      R"({"wall_s":1,"tasks":[{"ok":true,"type":"int","value":"1"},{"ok":false,"error":"ValueError: x\n","summary":"x!"},
                            {"ok":false,"error":"ValueError: y"}]})",
      run);
  EXPECT_EQ(run.error, "ValueError: x");
  EXPECT_EQ(run.summary, "x!");
}

TEST(HostRecord, AnErrorOfTheHostIsTheRunsError) {
  lab::run_record run;
  lab::read_host_record(R"({"error":"no such thing"})", run);
  EXPECT_EQ(run.error, "no such thing");
}

TEST(HostRecord, WhatIsNoRecordIsAnErrorToo) {
  for (const char* line : {"", "hello", "{}", R"({"tasks":[]})", R"({"tasks":[{"ok":true}]})"}) {
    lab::run_record run;
    lab::read_host_record(line, run);
    EXPECT_TRUE(run.error.starts_with("the host's record cannot be used: ")) << line;
  }
}

TEST(Record, HasTheKeysThatProgramsRelyOn) {
  const json all = lab::to_json(sample_record());
  EXPECT_EQ(all.at("seed"), 42);
  EXPECT_EQ(all.at("workload").at("result").at("value"), "333");
  EXPECT_EQ(all.at("workload").at("result").at("type"), "int");
  EXPECT_EQ(all.at("plan").at("order").size(), 5U);
  ASSERT_EQ(all.at("summary").size(), 3U);
  EXPECT_EQ(all["summary"][0].at("model"), "threads");
  EXPECT_EQ(all["summary"][0].at("rank"), 1);
  EXPECT_NEAR(all["summary"][0].at("speedup_vs_serial"), 2.0, 0.05);
  EXPECT_NEAR(all["summary"][0].at("median_s"), 1.0, 0.02);
  ASSERT_EQ(all.at("pairs").size(), 3U);
  EXPECT_EQ(all["pairs"][0].at("a"), "serial");
  EXPECT_EQ(all["pairs"][0].at("b"), "async");
  EXPECT_EQ(all["pairs"][0].at("verdict"), "equivalent");
  EXPECT_EQ(all["pairs"][1].at("b"), "threads");
  EXPECT_EQ(all["pairs"][1].at("verdict"), "slower");
  EXPECT_NEAR(all["pairs"][1].at("ratio"), 0.5, 0.01);
  EXPECT_EQ(all.at("runs").size(), 15U);
  EXPECT_EQ(all.at("runs")[0].at("status"), "ok");
  EXPECT_EQ(all.at("unavailable")[0].at("model"), "processes");
}

TEST(Record, AFailureHasItsErrorAndTheHostsSummaryOfIt) {
  lab::record failing = sample_record();
  failing.runs.front().error = "boom";
  EXPECT_EQ(lab::to_json(failing)["failures"].dump(), R"([{"models":["serial"],"error":"boom"}])");
  failing.runs.front().summary = "bang";
  EXPECT_EQ(lab::to_json(failing)["failures"][0].at("summary"), "bang");
}

TEST(Record, PadsNothingThatWasNotMeasured) {
  lab::record alone = sample_record();
  alone.models = {"threads"};
  alone.unavailable.clear();
  std::erase_if(alone.runs, [](const lab::run_record& run) { return run.model != "threads"; });
  const json all = lab::to_json(alone);
  EXPECT_FALSE(all["summary"][0].contains("speedup_vs_serial"));
  EXPECT_FALSE(all.contains("python"));
  EXPECT_FALSE(all.contains("failures"));
  EXPECT_FALSE(all.contains("unavailable"));
  EXPECT_EQ(all.at("pairs"), json::array());
}

TEST(Analysis, ModelsWithDifferentResultsGetNoVerdict) {
  lab::record differing = sample_record();
  for (lab::run_record& run : differing.runs)
    if (run.model == "async") run.tasks[1].value = "334";
  const lab::analysis found = lab::analyse(differing);
  EXPECT_TRUE(found.values_differ());
  EXPECT_TRUE(found.pairs.empty());
  EXPECT_EQ(found.models[0].rank, 0U);
  ASSERT_EQ(found.values.size(), 2U);
  EXPECT_EQ(found.values[0].models, (std::vector<std::string>{"serial", "threads"}));
  EXPECT_EQ(found.values[1].models, std::vector<std::string>{"async"});
}

TEST(Analysis, AModelThatFailedIsLeftOutAndItsErrorToldOnce) {
  lab::record failing = sample_record();
  for (lab::run_record& run : failing.runs)
    if (run.model != "threads" && run.round == 2) run.error = "boom";
  const lab::analysis found = lab::analyse(failing);
  EXPECT_EQ(found.compared, std::vector<std::string>{"threads"});
  ASSERT_EQ(found.failures.size(), 1U);
  EXPECT_EQ(found.failures[0].models, (std::vector<std::string>{"serial", "async"}));
}

TEST(Analysis, VerdictsReadBothWays) {
  const lab::analysis found = lab::analyse(sample_record());
  EXPECT_EQ(found.between("threads", "serial"), lab::verdict::faster);
  EXPECT_EQ(found.between("serial", "threads"), lab::verdict::slower);
  EXPECT_NEAR(found.ratio("threads", "serial") * found.ratio("serial", "threads"), 1, 1e-12);
}

}  // namespace
