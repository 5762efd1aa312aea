// SPDX-License-Identifier: Apache-2.0
// Where a worker's time went, on runs made by hand.
#include "lab/decomposition.hpp"

#include <gtest/gtest.h>

#include "tests/lab/timed_record.hpp"

namespace {

lab::decomposition decomposed(const timed_model& of) {
  const auto time = lab::decompose(timed_run(of));
  EXPECT_TRUE(time);
  return time.value_or(lab::decomposition{});
}

double sum_of_parts(const lab::decomposition& time) {
  return time.setup_s + time.cpu_s + time.gil_s + time.runq_s + time.blocked_s + time.idle_s + time.closure_error_s;
}

TEST(Decomposition, AddsUpToTheWallTimeOfAllWorkers) {
  for (const timed_model& model : {serial_computing(), async_computing(), threads_computing(), processes_computing(),
                                   threads_at_a_lock(), serial_waiting(), async_waiting(), threads_waiting()}) {
    const lab::decomposition time = decomposed(model);
    EXPECT_NEAR(time.workers_s, model.wall_s * static_cast<double>(model.workers.size()), 1e-9) << model.model;
    EXPECT_NEAR(sum_of_parts(time), time.workers_s, 1e-9) << model.model;
  }
}

TEST(Decomposition, SetUpLastsUntilAWorkersFirstTask) {
  EXPECT_NEAR(decomposed({"threads", 1, {ran(0.2, 1, 0), ran(0.3, 1, 1)}, {used(0), used(0)}}).setup_s, 0.5, 1e-9);
}

TEST(Decomposition, AWorkerWithoutATaskIsIdleNotBlocked) {
  const auto time = decomposed({"threads", 1, {ran(0, 0.25, 0), ran(0.5, 0.75, 0)}, {used(0.1, 0.05)}});
  EXPECT_NEAR(time.idle_s, 0.5, 1e-9);
  EXPECT_NEAR(time.blocked_s, 0.35, 1e-9);
}

TEST(Decomposition, TasksThatOverlapInALoopCountOnce) {
  const auto time = decomposed({"async", 1, {ran(0, 0.5), ran(0.1, 0.6), ran(0.2, 0.3)}, {used(0.1)}});
  EXPECT_NEAR(time.idle_s, 0.4, 1e-9);
  EXPECT_NEAR(time.blocked_s, 0.5, 1e-9);
}

TEST(Decomposition, WhatAHostKnowsOfTheGilIsAShareOfItsOwn) {
  lab::worker_report worker = used(0.5);
  worker.gil_s = 0.4;
  const auto time = decomposed({"threads", 1, {ran(0, 1)}, {worker}});
  EXPECT_NEAR(time.gil_s, 0.4, 1e-9);
  EXPECT_NEAR(time.blocked_s, 0.1, 1e-9);
}

TEST(Decomposition, ComputingBetweenTasksIsCpuTimeNotIdleTime) {
  const auto time = decomposed({"threads", 1, {ran(0, 0.001), ran(0.999, 1)}, {used(0.9)}});
  EXPECT_NEAR(time.cpu_s, 0.9, 1e-9);
  EXPECT_NEAR(time.idle_s, 0.1, 1e-9);
  EXPECT_NEAR(time.blocked_s, 0, 1e-9);
}

TEST(Decomposition, PartsThatExceedTheWholeAreAClosureError) {
  const auto time = decomposed({"serial", 1, {ran(0, 1)}, {used(1.1, 0.05)}});
  EXPECT_NEAR(time.closure_error_s, -0.15, 1e-9);
  EXPECT_EQ(time.blocked_s, 0);
}

TEST(Decomposition, WhoNeverSleptWasNotBlocked) {
  const auto time = decomposed({"serial", 1, {ran(0, 1)}, {used(0.9, 0.05, 0)}});
  EXPECT_NEAR(time.closure_error_s, 0.05, 1e-9);
  EXPECT_EQ(time.blocked_s, 0);
}

TEST(Decomposition, IsNotKnownIfOneWorkersUseIsNot) {
  EXPECT_FALSE(lab::decompose(timed_run({"threads", 1, {ran(0, 1, 0), ran(0, 1, 1)}, {used(1), {}}})));
  EXPECT_FALSE(lab::decompose(timed_run({"threads", 1, {ran(0, 1)}, {}})));
  EXPECT_FALSE(lab::decompose(timed_run({"serial", 0.0009, {ran(0, 0.0009)}, {used(0.0009)}})));
  lab::run_record failed = timed_run(serial_computing());
  failed.error = "no";
  EXPECT_FALSE(lab::decompose(failed));
}

}  // namespace
