// SPDX-License-Identifier: Apache-2.0
// What every executor does with tasks: one specification, instantiated wherever there is an executor. What only one of
// them does is in its own tests.
#pragma once

#include "executor_suite/fixture.hpp"
#include "executor_suite/futures.hpp"
#include "executor_suite/gather.hpp"
#include "executor_suite/posts.hpp"
#include "executor_suite/sleep.hpp"
#include "executor_suite/spawn.hpp"
#include "executor_suite/stop.hpp"
#include "executor_suite/task_group.hpp"
#include "executor_suite/tasks.hpp"
#include "executor_suite/timeout.hpp"
#include "variants.hpp"

/// `traits`: executor_traits. In namespace fanout_test.
#define FANOUT_EXECUTOR_SUITE(traits)                                                        \
  using executors_under_test = variants_of<traits>;                                          \
  INSTANTIATE_TYPED_TEST_SUITE_P(Of, ExecutorTasks, executors_under_test, variant_name);     \
  INSTANTIATE_TYPED_TEST_SUITE_P(Of, ExecutorPosts, executors_under_test, variant_name);     \
  INSTANTIATE_TYPED_TEST_SUITE_P(Of, ExecutorSleep, executors_under_test, variant_name);     \
  INSTANTIATE_TYPED_TEST_SUITE_P(Of, ExecutorGather, executors_under_test, variant_name);    \
  INSTANTIATE_TYPED_TEST_SUITE_P(Of, ExecutorTimeout, executors_under_test, variant_name);   \
  INSTANTIATE_TYPED_TEST_SUITE_P(Of, ExecutorTaskGroup, executors_under_test, variant_name); \
  INSTANTIATE_TYPED_TEST_SUITE_P(Of, ExecutorSpawn, executors_under_test, variant_name);     \
  INSTANTIATE_TYPED_TEST_SUITE_P(Of, ExecutorFutures, executors_under_test, variant_name);   \
  INSTANTIATE_TYPED_TEST_SUITE_P(Of, ExecutorStop, executors_under_test, variant_name)
