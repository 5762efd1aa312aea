// SPDX-License-Identifier: Apache-2.0
// Records read back, and what is said of documents that are none.
#include "lab/record_reader.hpp"

#include <gtest/gtest.h>

#include "lab/analysis.hpp"
#include "lab/view.hpp"
#include "tests/lab/sample_record.hpp"
#include "tests/lab/timed_record.hpp"

namespace {

using nlohmann::json;

/// With something of everything that a record can hold.
lab::record full_record() {
  lab::record full = sample_record();
  full.host = {{"python", {{"version", "3.11.2"}, {"implementation", "CPython"}, {"executable", "/usr/bin/python3"}}}};
  full.warmups = 1;
  full.warmup_runs.push_back(sample_run("serial", 0, 1, 2.5, 2.5));
  full.timeout_s = 60;
  full.budget_s = 90;
  full.budget_spent = true;
  full.test.looks = {5, 8};
  full.conditions.resize(5, {.steal = 0.02, .others = 0.3, .throttled = 1});
  full.conditions[0] = {};
  full.runs[0].gil = {.wait_s = 0.5, .switch_s = 0.25, .runq_s = 0.125, .waits = 7, .max_wait_s = 0.1, .method = "m"};
  full.runs[1].gil = {.unavailable = "because"};
  lab::run_record& last = full.runs.back();
  last.tasks[1] = {.ok = false, .start_s = 0.1, .end_s = 0.2};
  last.error = "Traceback (most recent call last):\nValueError: no";
  last.summary = "ValueError: no";
  return full;
}

/// With something of every meter.
lab::record metered_record() {
  lab::record metered =
      timed_record(2, 2, {serial_computing(), async_computing(), threads_at_a_lock(), processes_computing()});
  for (lab::run_record& run : metered.runs) {
    run.perf = {{"cycles", 1'000'000}, {"instructions", 2'000'000}};
    if (run.model == "threads") run.gil = {.wait_s = 0.5, .waits = 7, .max_wait_s = 0.1, .method = "m"};
    if (run.model == "processes") run.workers[1] = {};
    if (run.model == "serial") run.workers[0].gil_s = 0.001;
  }
  return metered;
}

TEST(RecordReader, ReadsWhatWasWritten) {
  for (const lab::record& written : {sample_record(), full_record(), metered_record()}) {
    const std::string text = lab::to_json(written).dump();
    EXPECT_EQ(lab::to_json(lab::read_record(json::parse(text))).dump(), text);
  }
}

TEST(RecordReader, WhatIsShownOfItIsTheSame) {
  const lab::record written = full_record(), read = lab::read_record(json::parse(lab::to_json(written).dump()));
  EXPECT_EQ(lab::show_plan(read, {}), lab::show_plan(written, {}));
  EXPECT_EQ(lab::show_result(read, lab::analyse(read), {}), lab::show_result(written, lab::analyse(written), {}));
  EXPECT_EQ(lab::show_problems(read, lab::analyse(read)), lab::show_problems(written, lab::analyse(written)));
}

TEST(RecordReader, ConclusionsInTheDocumentAreNotBelieved) {
  json changed = lab::to_json(sample_record());
  for (const char* concluded : {"summary", "pairs", "results"}) changed.erase(concluded);
  changed["workload"]["result"]["value"] = "lies";
  EXPECT_EQ(lab::to_json(lab::read_record(changed)).dump(), lab::to_json(sample_record()).dump());
}

TEST(RecordReader, ATaskIsRunByAWorkerOfItsRun) {
  json changed = lab::to_json(metered_record());
  changed["runs"][0]["tasks"][1]["worker"] = 1;
  try {
    lab::read_record(changed);
    FAIL() << "it was read";
  } catch (const lab::bad_record& error) {
    EXPECT_STREQ(error.what(), "/runs/0/tasks/1/worker is not the place of one of the run's workers");
  }
}

std::string problem_of(const json& document) {
  try {
    lab::read_record(document);
  } catch (const lab::bad_record& error) {
    return error.what();
  }
  return "nothing";
}

/// What is said when the value at this place is another, or none if that is a discarded value.
std::string problem_with(const char* place, const json& value) {
  json document = lab::to_json(sample_record());
  const json::json_pointer pointer(place);
  if (value.is_discarded())
    document[pointer.parent_pointer()].erase(pointer.back());
  else
    document[pointer] = value;
  return problem_of(document);
}

const json nothing(json::value_t::discarded);

TEST(RecordReader, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(problem_of(json::parse("[]")), "the document is not an object: {…}");
  EXPECT_EQ(problem_of(json::parse("{}")), "the document is not a record of fanout compare: it has no \"$schema\"");
  EXPECT_EQ(problem_with("/$schema", "fanout-result-2.json"),
            "/$schema is 'fanout-result-2.json'; this version reads fanout-result-1.json");
  EXPECT_EQ(problem_with("/plan", nothing), "/plan is missing");
  EXPECT_EQ(problem_with("/runs/3/wall_s", nothing), "/runs/3/wall_s is missing");
  EXPECT_EQ(problem_with("/runs/3/wall_s", "fast"), "/runs/3/wall_s is not a number");
  EXPECT_EQ(problem_with("/runs/3/wall_s", 0), "/runs/3/wall_s is not more than 0");
  EXPECT_EQ(problem_with("/runs/0/model", "fibers"),
            "/runs/0/model is 'fibers', which is none of the models of its plan");
  EXPECT_EQ(problem_with("/runs/0/round", 1.5), "/runs/0/round is not a whole number");
  EXPECT_EQ(problem_with("/runs/0/position", -1), "/runs/0/position is not a whole number of 1 or more");
  EXPECT_EQ(problem_with("/runs/0/tasks", json::array()), "/runs/0 has no tasks");
  EXPECT_EQ(problem_with("/runs/0/tasks/1/ok", false), "/runs/0 is ok, but not all its tasks are");
  EXPECT_EQ(problem_with("/runs", 7), "/runs is not a list: […]");
  EXPECT_EQ(problem_with("/plan/looks", json::array()), "/plan/looks is empty");
  EXPECT_EQ(problem_with("/plan/looks", {5, 5}), "/plan/looks/1 is not more than the look before");
  EXPECT_EQ(problem_with("/plan/alpha", 1), "/plan/alpha is not less than 1");
  EXPECT_EQ(problem_with("/machine/cpus_effective", "two"), "/machine/cpus_effective is not a whole number");
  EXPECT_EQ(problem_with("/runs/0/gil", json::object()), "/runs/0/gil/wait_s is missing");
  EXPECT_EQ(problem_with("/seed", -1), "/seed is not a whole number of 0 or more");
}

TEST(RecordReader, WantsAsManyRunsARoundAsThePlanHasThem) {
  lab::record repeated = sample_record();
  repeated.test.looks = {4, 5};
  repeated.repeats = 2;
  EXPECT_EQ(problem_of(lab::to_json(repeated)),
            "/runs has not one run of serial for each round up to the first look, and 2 for each after it, in their "
            "order");
  const std::vector<lab::run_record> last_round(repeated.runs.end() - 3, repeated.runs.end());
  repeated.runs.insert(repeated.runs.end(), last_round.begin(), last_round.end());
  EXPECT_EQ(lab::to_json(lab::read_record(lab::to_json(repeated))), lab::to_json(repeated));
}

TEST(RecordReader, RefusesRunsThatCannotBePaired) {
  const std::string unpaired = "/runs has not one run of serial for each of 5 rounds, in their order";
  json document = lab::to_json(sample_record());
  document["runs"].erase(0);
  EXPECT_EQ(problem_of(document), unpaired);
  EXPECT_EQ(problem_with("/runs/0/round", 2), unpaired);
  EXPECT_EQ(problem_with("/runs", json::array()), unpaired);
  EXPECT_EQ(problem_with("/runs/2/model", "processes"),
            "/runs has not one run of threads for each of 5 rounds, in their order");
  EXPECT_EQ(problem_with("/unavailable/0/model", "serial"), "/runs has runs of serial, which was unavailable");
  EXPECT_EQ(problem_with("/unavailable", nothing),
            "/runs has not one run of processes for each of 5 rounds, in their order");
  document = lab::to_json(sample_record());
  document["runs"].push_back(document["runs"][0]);
  EXPECT_EQ(problem_of(document), unpaired);
  EXPECT_EQ(problem_with("/rounds", json::parse(R"([{"round": 1, "dirty": false}])")),
            "/rounds has 1 entries, /plan/order has 5");
}

TEST(RecordReader, NamesThePlaceWithinALargerDocument) {
  try {
    lab::read_record(json::parse("{}"), "/comparisons/2");
    FAIL() << "nothing was thrown";
  } catch (const lab::bad_record& error) {
    EXPECT_EQ(std::string(error.what()), "/comparisons/2 is not a record of fanout compare: it has no \"$schema\"");
  }
}

}  // namespace
