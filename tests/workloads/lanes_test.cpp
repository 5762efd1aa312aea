// SPDX-License-Identifier: Apache-2.0
// Whose the time of child processes is.
#include "workloads/lanes.hpp"

#include <gtest/gtest.h>

namespace {

using nlohmann::json;
using workloads::children_usage;

constexpr children_usage used(std::int64_t cpu_ns, std::int64_t run_delay_ns = 0) {
  return {.cpu_ns = cpu_ns, .run_delay_ns = run_delay_ns, .any = true};
}

json task(double start_s, double end_s, int worker) {
  return {{"ok", true}, {"start_s", start_s}, {"end_s", end_s}, {"worker", worker}};
}

json places_of(const json& record) {
  json places = json::array();
  for (const json& one : record["tasks"]) places.push_back(one["worker"]);
  return places;
}

TEST(Children, CountForTheWorkerThatWaitedForThem) {
  json record = {{"tasks", {task(0, 1, 0), task(0, 2, 1), task(1, 2, 0)}},
                 {"workers", {{{"cpu_s", 0.5}, {"runq_s", 0.25}, {"voluntary", 3}}, {{"cpu_s", 0.0}}}}};
  workloads::count_children(record, {used(1'000'000'000, 500'000'000), used(2'000'000'000, 1), used(250'000'000)});
  EXPECT_EQ(record["workers"], (json{{{"cpu_s", 1.75}, {"runq_s", 0.75}, {"voluntary", 3}}, {{"cpu_s", 2.0}}}));
  EXPECT_EQ(places_of(record), (json{0, 1, 0}));
}

TEST(Children, OfOneThreadAtTheSameTimeAreAWorkerEach) {
  json record = {{"tasks", {task(0, 3, 0), task(1, 2, 0), task(2, 4, 0), task(2.5, 3, 0)}},
                 {"workers", {{{"cpu_s", 0.5}, {"runq_s", 0.0}, {"voluntary", 7}}}}};
  workloads::count_children(record, {used(1'000'000'000), used(2'000'000'000), used(4'000'000'000), used(0)});
  EXPECT_EQ(places_of(record), (json{0, 1, 1, 2}));
  ASSERT_EQ(record["workers"].size(), 3U);
  EXPECT_EQ(record["workers"][0]["cpu_s"], 1.5);
  EXPECT_EQ(record["workers"][1], (json{{"cpu_s", 6.0}, {"runq_s", 0.0}, {"voluntary", 7}}));
}

TEST(Children, OfTasksThatFailedCountForNobody) {
  json record = {{"tasks", {{{"ok", false}, {"error", "no"}}, task(0, 1, 0)}}, {"workers", {{{"cpu_s", 0.0}}}}};
  workloads::count_children(record, {{}, used(1'000'000'000)});
  EXPECT_EQ(record["workers"], (json{{{"cpu_s", 1.0}}}));
}

TEST(Children, ThatThereAreNotChangeNothing) {
  const json before = {{"tasks", {task(0, 2, 0), task(1, 2, 0)}}, {"workers", {{{"cpu_s", 0.5}}}}};
  json record = before;
  workloads::count_children(record, {{}, {}});
  EXPECT_EQ(record, before);
}

}  // namespace
