// SPDX-License-Identifier: Apache-2.0
// What becomes of runs on a timeline. golden_test.cpp has a whole trace.
#include "lab/trace.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/lab/timed_record.hpp"

namespace {

using json = nlohmann::ordered_json;
using enum lab::gil_change::relation;

lab::timeline watched(const timed_model& model, std::vector<lab::worker_identity> workers = {{10, 10}}) {
  return {.name = model.model, .run = timed_run(model), .host = 10, .started_ns = 1'000'000'000, .workers = workers};
}

std::vector<json> events_of(const lab::timeline& run, const std::string& kind) {
  const json trace = lab::to_trace({run}, {});
  std::vector<json> found;
  for (const json& event : trace.at("traceEvents"))
    if (event.at("ph") == kind) found.push_back(event);
  return found;
}

/// "name from to" of each slice, in microseconds.
std::vector<std::string> slices(const lab::timeline& run) {
  std::vector<std::string> found;
  for (const json& event : events_of(run, "X")) {
    const double from = event.at("ts"), to = from + event.at("dur").get<double>();
    found.push_back(event.at("name").get<std::string>() + " " + std::to_string(static_cast<int>(from)) + " " +
                    std::to_string(static_cast<int>(to)));
  }
  return found;
}

/// A thread that runs one task for a millisecond; changes are so many microseconds after its start.
lab::timeline at_the_gil(std::vector<std::pair<lab::gil_change::relation, int>> changes) {
  lab::timeline run = watched({"threads", 0.001, {ran(0, 0.001)}, {used(0.001)}}, {{10, 11}});
  for (const auto& [now, us] : changes) run.gil.push_back({11, now, run.started_ns + 1000 * us});
  return run;
}

using texts = std::vector<std::string>;

TEST(Trace, TasksOneAfterAnotherAreSlicesAfterTheSetUp) {
  EXPECT_EQ(slices(watched({"serial", 3e-3, {ran(1e-3, 2e-3), ran(2e-3, 3e-3)}, {used(2e-3)}})),
            (texts{"set-up 0 1000", "task 0 1000 2000", "task 1 2000 3000"}));
}

TEST(Trace, TasksThatOverlapOnOneWorkerAreBegunAndEndedByTheirIds) {
  const lab::timeline run = watched(async_waiting());
  EXPECT_EQ(slices(run), texts{});
  const auto begun = events_of(run, "b"), ended = events_of(run, "e");
  ASSERT_EQ(begun.size(), 2U);
  ASSERT_EQ(ended.size(), 2U);
  EXPECT_NE(begun[0].at("id"), begun[1].at("id"));
  EXPECT_EQ(begun[0].at("id"), ended[0].at("id"));
  EXPECT_EQ(ended[0].at("ts"), 1e6);
}

TEST(Trace, AWaitForTheGilGoesOnAfterATimeOutUntilTheLockIsHeld) {
  EXPECT_EQ(slices(at_the_gil({{waits, 100}, {waits, 300}, {holds, 500}, {neither, 600}})),
            (texts{"task 0 0 1000", "waits for the GIL 100 500", "worker 1 (thread 11) 500 600"}));
}

TEST(Trace, WhatIsGivenAwayWasHeldBeforeAnyoneLookedAndWhatIsHeldIsSoUntilTheEnd) {
  EXPECT_EQ(slices(at_the_gil({{neither, 200}, {holds, 400}})),
            (texts{"task 0 0 1000", "worker 1 (thread 11) 0 200", "worker 1 (thread 11) 400 1000"}));
}

TEST(Trace, NothingIsSaidOfTheTimeAfterChangesThatWereLostNorBeforeTheStart) {
  lab::timeline run =
      at_the_gil({{holds, -50}, {neither, -20}, {waits, 100}, {holds, 300}, {neither, 400}, {waits, 500}});
  run.gil_lost = 7;
  EXPECT_EQ(slices(run), (texts{"task 0 0 1000", "waits for the GIL 100 300", "worker 1 (thread 11) 300 400"}));
}

TEST(Trace, LoadIsTheMeanBetweenTwoLooks) {
  lab::timeline run = watched({"serial", 0.04, {ran(0, 0.04)}, {used(0.04)}});
  const auto look = [&](double at_s, double cpu_s, double runq_s) {
    run.load.push_back({run.started_ns + std::llround(1e9 * at_s), cpu_s, runq_s});
  };
  look(-0.02, 0, 0);
  look(-0.01, 0.01, 0);
  look(0.01, 0.03, 0.005);
  look(0.03, 0.07, 0.005);
  look(0.07, 0.07, 0.005);
  look(0.09, 0.09, 0.005);
  const auto counters = events_of(run, "C");
  texts found;
  for (const json& one : counters)
    if (one.at("name") == "CPUs") found.push_back(one.at("ts").dump() + " " + one.at("args").at("in use").dump());
  EXPECT_EQ(found, (texts{"0.0 1.0", "10000.0 2.0", "30000.0 0.0", "40000.0 0.0"}));
  EXPECT_EQ(counters.size(), 8U);
  EXPECT_EQ(counters[1].at("args"), (json{{"that wait for a CPU", 0.25}}));
}

TEST(Trace, IsReadFromWhatTheHostWrote) {
  lab::timeline run;
  lab::read_trace(
      R"({"trace":{"started_ns":5,"workers":[{"process":1,"thread":2}],"gil":[[2,1,7],[2,2,8]],"gil_lost":3}})", run);
  EXPECT_EQ(run.started_ns, 5);
  EXPECT_EQ(run.workers.at(0).thread, 2);
  EXPECT_EQ(run.gil.at(0).now, waits);
  EXPECT_EQ(run.gil.at(1).at_ns, 8);
  EXPECT_EQ(run.gil_lost, 3U);
  for (const char* line :
       {"{}", R"({"trace":{"started_ns":5}})", R"({"trace":{"started_ns":5,"workers":[],"gil":[[2,3,7]]}})"})
    EXPECT_ANY_THROW(lab::read_trace(line, run)) << line;
}

}  // namespace
