// SPDX-License-Identifier: Apache-2.0
// Every view, byte for byte, as the files in golden/ have it. FANOUT_REWRITE_GOLDEN=1 writes them anew: look at the
// difference before you commit it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "lab/csv.hpp"
#include "lab/markdown.hpp"
#include "lab/trace.hpp"
#include "lab/view.hpp"
#include "tests/lab/timed_record.hpp"

namespace {

void expect_golden(const std::string& name, const std::string& shown) {
  const std::string path = std::string(FANOUT_GOLDEN_DIRECTORY) + "/" + name + ".txt";
  if (std::getenv("FANOUT_REWRITE_GOLDEN") != nullptr) std::ofstream(path) << shown;
  std::ifstream file(path);
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(shown, expected.str()) << name;
}

/// In Python: the GIL keeps threads from computing at the same time.
lab::record gil_bound() {
  timed_model threads = threads_at_a_lock();
  threads.also = [](lab::run_record& run) {
    run.gil = {.wait_s = 1.9, .waits = 380, .max_wait_s = 0.006, .method = "each wait"};
    for (lab::worker_report& worker : run.workers) worker.gil_s = 0.95;
  };
  lab::record made =
      python(timed_record(2, 2, {serial_computing(), async_computing(), threads, processes_computing()}));
  made.title = "tasks.py:cpu_task(10000000)";
  made.conditions.resize(5);
  made.conditions[3] = {.steal = 0.021};
  return made;
}

/// Of four, one fails and one is not there.
lab::record partly_measured() {
  lab::record made = timed_record(2, 2, {serial_waiting(), async_waiting(), threads_waiting()});
  made.title = "sleep:1";
  made.models.emplace_back("processes");
  made.unavailable = {{.model = "processes", .reason = "this fanout was built without them"}};
  for (lab::run_record& run : made.runs)
    if (run.model == "threads") run.error = "ValueError: no";
  return made;
}

std::string whole_view(const lab::record& experiment, const lab::terminal& out) {
  return lab::show_plan(experiment, out) + "\n" + lab::show_result(experiment, lab::analyse(experiment), out) + "\n" +
         lab::show_legend(out);
}

void expect_golden_views(const std::string& name, const lab::record& experiment) {
  for (const unsigned width : {60U, 80U, 120U}) {
    const std::string sized = name + "_" + std::to_string(width);
    expect_golden(sized, whole_view(experiment, {.width = width}));
    expect_golden(sized + "_colour", whole_view(experiment, {.colour = true, .width = width}));
  }
}

TEST(Golden, AVerdictWithItsReasons) { expect_golden_views("gil", gil_bound()); }

TEST(Golden, ModelsThatFailedOrAreMissing) { expect_golden_views("partly", partly_measured()); }

TEST(Golden, WithoutUnicodeBarsAreDrawnInAscii) {
  expect_golden("gil_ascii", whole_view(gil_bound(), {.width = 80, .unicode = false}));
}

TEST(Golden, MarkdownAndCsv) {
  const lab::record experiment = gil_bound();
  const lab::analysis found = lab::analyse(experiment);
  expect_golden("gil_markdown", lab::show_markdown(experiment, found));
  expect_golden("gil_csv", lab::csv_header() + lab::csv_lines(experiment, found));
}

/// Each event on a line of its own.
TEST(Golden, ATrace) {
  using enum lab::gil_change::relation;
  constexpr std::int64_t started_ns = 7'000'000'000'000, second = 1'000'000'000;
  const lab::timeline async{.name = "async",
                            .run = timed_run(async_waiting()),
                            .host = 40,
                            .started_ns = started_ns,
                            .workers = {{40, 40}},
                            .load = {{started_ns - second / 100, 0, 0}, {started_ns + second / 2, 0.255, 0.051}}};
  lab::timeline threads{.name = "threads",
                        .run = timed_run(threads_at_a_lock()),
                        .host = 50,
                        .started_ns = started_ns,
                        .workers = {{50, 51}, {50, 52}}};
  threads.gil = {{50, neither, started_ns + 2'000'000}, {51, holds, started_ns + 2'500'000},
                 {52, waits, started_ns + 3'000'000},   {51, neither, started_ns + 9'000'123},
                 {51, waits, started_ns + 9'000'223},   {52, holds, started_ns + 9'004'001},
                 {51, neither, started_ns + 9'005'000}, {51, waits, started_ns + 9'006'000},
                 {52, neither, started_ns + 9'500'000}, {51, holds, started_ns + 9'501'000},
                 {51, neither, started_ns + 9'900'000}, {53, holds, started_ns + 9'950'000}};
  const lab::timeline processes{.name = "processes",
                                .run = timed_run(processes_computing()),
                                .host = 60,
                                .started_ns = started_ns,
                                .workers = {{61, 61}, {62, 62}}};
  const auto trace = lab::to_trace({async, threads, processes}, {{"fanout", "0.1.0"}});
  std::string lines = "otherData " + trace.at("otherData").dump() + "\n";
  for (const auto& event : trace.at("traceEvents")) lines += event.dump() + "\n";
  expect_golden("trace", lines);
}

TEST(Golden, BarsAreNeverWiderThanTheTerminal) {
  for (unsigned width = 40; width <= 120; ++width) {
    std::istringstream lines(lab::show_result(gil_bound(), lab::analyse(gil_bound()), {.width = width}));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(lab::columns(line), width) << line;
  }
}

}  // namespace
