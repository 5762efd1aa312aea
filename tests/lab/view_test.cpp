// SPDX-License-Identifier: Apache-2.0
// What users see, word for word.
#include "lab/view.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/lab/sample_record.hpp"

namespace {

std::string shown(const lab::record& experiment, const lab::terminal& out) {
  return lab::show_result(experiment, lab::analyse(experiment), out);
}

std::size_t widest_line(const std::string& text) {
  std::size_t widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, lab::columns(line));
  return widest;
}

TEST(View, TableAndVerdict) {
  EXPECT_EQ("\n" + shown(sample_record(), {.width = 100}), R"(
 rank  model         wall  vs serial  set-up      CPU  cores  memory  switches      wall, range
    1  threads    1.001 s      2.00×   1.0 %  1.980 s   1.98  4.5 MB      2/12  0.990 – 1.019 s
    2  serial     2.000 s      1.00×   0.5 %  2.000 s   1.00  4.5 MB      2/12  1.980 – 2.040 s
    2  async      2.002 s      1.00×   0.5 %  2.000 s   1.00  4.5 MB      2/12  1.980 – 2.044 s
    –  processes  n/a: this machine has a reason of a certain length

 ✔ threads is best: 2.00 times as fast as serial and async [2.00–2.00]
 ≈ serial and async: no measurable difference (within ±3 %)
   serial, async and threads returned 333 ✔
)");
}

TEST(View, ANarrowTerminalDropsColumnsFromTheRight) {
  EXPECT_EQ("\n" + shown(sample_record(), {.width = 44}), R"(
 rank  model         wall  vs serial  set-up
    1  threads    1.001 s      2.00×   1.0 %
    2  serial     2.000 s      1.00×   0.5 %
    2  async      2.002 s      1.00×   0.5 %
    –  processes  n/a: this machine has a r…

 ✔ threads is best: 2.00 times as fast as
   serial and async [2.00–2.00]
 ≈ serial and async: no measurable
   difference (within ±3 %)
   serial, async and threads returned 333 ✔
 – processes: n/a: this machine has a reason
   of a certain length
)");
}

TEST(View, NoLineOfTheTableIsWiderThanTheTerminal) {
  for (unsigned width : {40U, 60U, 72U, 80U, 100U, 120U})
    EXPECT_LE(widest_line(shown(sample_record(), {.width = width})), width) << width;
}

TEST(View, PlanNamesWorkMachineAndSeed) {
  EXPECT_EQ(lab::show_plan(sample_record(), {}), R"(cpu:10 × 2
 2 workers, 2 CPUs, Linux 6.18 · 3 models × 5 rounds in random order (seed 42)
)");
}

TEST(View, PlanNamesTheFewestAndTheMostRounds) {
  lab::record experiment = sample_record();
  experiment.test.looks = {5, 8, 12, 20};
  EXPECT_NE(lab::show_plan(experiment, {}).find("3 models × 5 to 20 rounds in random order (seed 42)"),
            std::string::npos);
}

TEST(View, SaysAfterHowManyRoundsAllWasDecidedIfThatWasOpen) {
  lab::record experiment = sample_record();
  EXPECT_EQ(shown(experiment, {}).find("decided after"), std::string::npos);
  experiment.test.looks = {5, 8};
  EXPECT_NE(shown(experiment, {}).find("   decided after 5 rounds\n"), std::string::npos) << shown(experiment, {});
}

TEST(View, DisturbedRoundsArePointedOutWithTheirCause) {
  lab::record experiment = sample_record();
  experiment.conditions.resize(5);
  EXPECT_EQ(shown(experiment, {}).find("disturbed"), std::string::npos);
  experiment.conditions[3] = {.steal = 0.021};
  EXPECT_NE(shown(experiment, {}).find(" ! round 4 was disturbed: the hypervisor kept 2.1 % of all CPU time back\n"),
            std::string::npos)
      << shown(experiment, {});
  experiment.conditions[0] = {.others = 0.34, .throttled = 1};
  EXPECT_NE(
      shown(experiment, {.width = 200})
          .find(" ! rounds 1 and 4 were disturbed: other programs took up to 34 % of all CPU time, the hypervisor "
                "kept up to 2.1 % of it back and a CPU quota (cgroup) stopped the tasks\n"),
      std::string::npos)
      << shown(experiment, {.width = 200});
  for (lab::round_conditions& round : experiment.conditions) round.others = 0.5;
  EXPECT_NE(shown(experiment, {}).find(" ! every round was disturbed: other programs took up to 50 %"),
            std::string::npos)
      << shown(experiment, {});
}

TEST(View, ColourOnlyWhereAsked) {
  EXPECT_EQ(shown(sample_record(), {.width = 80}).find('\x1b'), std::string::npos);
  EXPECT_NE(shown(sample_record(), {.colour = true, .width = 80}).find('\x1b'), std::string::npos);
}

TEST(View, UndecidedIsSaidWithARemedy) {
  lab::record short_one = sample_record();
  short_one.order.resize(1);
  std::erase_if(short_one.runs, [](const lab::run_record& run) { return run.round > 1; });
  const std::string text = shown(short_one, {.width = 200});
  EXPECT_EQ(text.find("best"), std::string::npos) << text;
  EXPECT_NE(text.find("? undecided after 1 round: serial, async and threads cannot be told apart"), std::string::npos)
      << text;
  EXPECT_NE(text.find("one round decides nothing: use --rounds 2 or more"), std::string::npos) << text;
}

TEST(View, UndecidedForRoundsThatDifferMuchAsksWhatElseTheMachineDoes) {
  lab::record restless = sample_record();
  for (lab::run_record& run : restless.runs)
    if (run.model == "threads" && run.round % 2 == 0) run.wall_s *= 1.9;
  EXPECT_NE(shown(restless, {.width = 300}).find("; threads took from 0.990 s to 1.936 s: is this machine busy"),
            std::string::npos)
      << shown(restless, {.width = 300});
}

TEST(View, WhereDisturbedRoundsAreKnownNothingIsAskedOfThem) {
  lab::record restless = sample_record();
  for (lab::run_record& run : restless.runs)
    if (run.model == "threads" && run.round % 2 == 0) run.wall_s *= 1.9;
  restless.conditions.resize(5, {.others = 0.5});
  EXPECT_EQ(shown(restless, {.width = 300}).find("is this machine busy"), std::string::npos);
}

TEST(View, UndecidedBecauseTimeWasUpIsSaid) {
  lab::record experiment = sample_record();
  for (lab::run_record& run : experiment.runs)
    if (run.model == "threads" && run.round % 2 == 0) run.wall_s *= 1.9;
  experiment.budget_s = 90;
  experiment.budget_spent = true;
  EXPECT_NE(shown(experiment, {.width = 300}).find("? undecided after 5 rounds, when its time (90 s) was up: "),
            std::string::npos)
      << shown(experiment, {.width = 300});
}

TEST(View, AFailedModelHasARowAndItsErrorIsShownInFull) {
  lab::record failing = sample_record();
  for (lab::run_record& run : failing.runs)
    if (run.model == "async") {
      run.tasks[1].ok = false;
      run.error = "Traceback (most recent call last):\n  File \"x.py\"\nValueError: no";
    }
  EXPECT_NE(shown(failing, {}).find("–  async      failed: ValueError: no\n"), std::string::npos) << shown(failing, {});
  EXPECT_EQ(lab::show_problems(failing, lab::analyse(failing)),
            "fanout: async failed (1 of 2 tasks; the first): Traceback (most recent call last):\n  File "
            "\"x.py\"\nValueError: no\n");
}

TEST(View, DifferentResultsAreNamedAndGetNoVerdict) {
  lab::record differing = sample_record();
  for (lab::run_record& run : differing.runs)
    if (run.model == "async") run.tasks[1].value = "334";
  EXPECT_NE(shown(differing, {}).find("✘ no verdict: the models' results differ\n"), std::string::npos);
  EXPECT_EQ(lab::show_problems(differing, lab::analyse(differing)),
            "fanout: the models' results differ, so there is no verdict:\n"
            "  serial and threads returned 333\n  async returned 333, 334\n");
}

TEST(View, AValueThatChangesUnderOneModelIsExplained) {
  lab::record changing = sample_record();
  for (lab::run_record& run : changing.runs) run.tasks[0].value = std::to_string(run.round);
  EXPECT_NE(lab::show_problems(changing, lab::analyse(changing)).find("serial did not return the same each time"),
            std::string::npos);
}

TEST(View, ValuesAreShownOnOneLine) {
  lab::record texts = sample_record();
  for (lab::run_record& run : texts.runs)
    for (lab::task_report& task : run.tasks) {
      task.type = "str";
      task.value = "a\n\"b\"";
    }
  EXPECT_NE(shown(texts, {}).find(R"(returned "a\n\"b\"" ✔)"), std::string::npos) << shown(texts, {});
}

void fail(lab::record& experiment, const std::string& model, const std::string& error) {
  for (lab::run_record& run : experiment.runs)
    if (run.model == model) run.error = error;
}

TEST(View, OnlyModelsThatReturnedAValueAreSaidToHaveReturnedIt) {
  lab::record all = sample_record();
  all.models.pop_back();
  all.unavailable.clear();
  EXPECT_NE(shown(all, {}).find("   every model returned 333 ✔"), std::string::npos);
  fail(all, "async", "no");
  EXPECT_NE(shown(all, {}).find("   serial and threads returned 333 ✔"), std::string::npos) << shown(all, {});
  all.runs.back().error = "no";  // threads, in the last round
  EXPECT_NE(shown(all, {}).find("   serial returned 333 ✔"), std::string::npos) << shown(all, {});
  fail(all, "serial", "no");
  EXPECT_EQ(shown(all, {}).find("returned"), std::string::npos) << shown(all, {});
}

TEST(View, TheBestAreAheadByARangeWhereTheyAreNotShownToBeEqual) {
  lab::record experiment = sample_record();
  const double async_s[] = {0.7, 1.5, 0.9, 1.3, 0.8};
  for (lab::run_record& run : experiment.runs) {
    if (run.model == "async") run.wall_s = async_s[run.round - 1];
    if (run.model == "serial") run.wall_s = 10 + 0.01 * run.round;
  }
  const std::string text = lab::headline(experiment, lab::analyse(experiment));
  EXPECT_EQ(text,
            "async and threads lead, and which of them is best is undecided: 10.0 to 11.1 times as fast as serial "
            "[6.73–15.1]");
}

TEST(View, OnlyThoseThatAreShownToBeFasterAreSaidToBe) {
  lab::record experiment = sample_record();
  const double serial_s[] = {1.0, 5.0, 1.2, 4.0, 2.0};  // undecided against all others
  for (lab::run_record& run : experiment.runs)
    if (run.model == "serial") run.wall_s = serial_s[run.round - 1];
  EXPECT_EQ(lab::headline(experiment, lab::analyse(experiment)),
            "which of threads and serial is best is undecided: threads is 2.00 times as fast as async [1.99–2.01]");
}

std::string row_of_async(const lab::record& experiment) {
  const std::string text = shown(experiment, {.width = 200});
  const std::size_t at = text.find("–  async");
  return at == std::string::npos ? text : text.substr(at, text.find('\n', at) - at);
}

TEST(View, TheRowOfAFailedModelSaysWhatMatters) {
  lab::record experiment = sample_record();
  const std::string traceback = "Traceback (most recent call last):\n  File \"x.py\"\n    f()\n";
  fail(experiment, "async", traceback + "ValueError: the first\n second line\nthird");
  EXPECT_NE(row_of_async(experiment).find("failed: ValueError: the first"), std::string::npos);
  fail(experiment, "async", traceback + "KeyError: 1\n\nDuring handling of it:\n\n" + traceback + "OSError: 2");
  EXPECT_NE(row_of_async(experiment).find("failed: OSError: 2"), std::string::npos);
  for (lab::run_record& run : experiment.runs)
    if (run.model == "async") run.summary = "what the host says";
  EXPECT_NE(row_of_async(experiment).find("failed: what the host says"), std::string::npos);
}

TEST(View, AReasonOfManyLinesIsOneInTheTableAndToldInFullOnce) {
  lab::record experiment = sample_record();
  experiment.unavailable[0].reason = "it is broken\n  because\n  of this";
  EXPECT_NE(shown(experiment, {.width = 200}).find("n/a: it is broken\n"), std::string::npos);
  EXPECT_EQ(shown(experiment, {.width = 30}).find("because"), std::string::npos);
  EXPECT_EQ(lab::show_problems(experiment, lab::analyse(experiment)),
            "fanout: processes: n/a: it is broken\n  because\n  of this\n");
}

TEST(View, CostsThatCannotBeAreNotShown) {
  lab::record experiment = sample_record();
  for (lab::run_record& run : experiment.runs) {
    if (run.model == "serial") run.cpu_user_s = 3 * run.wall_s;  // of two CPUs
    if (run.model == "async") run.cpu_user_s = -1, run.voluntary_switches = -3;
    if (run.model == "threads") run.wall_s *= 1e-4, run.cpu_user_s *= 1e-4;
  }
  for (const lab::model_summary& model : lab::analyse(experiment).models) EXPECT_FALSE(model.cores) << model.model;
  EXPECT_NE(shown(experiment, {.width = 200}).find("–  4.5 MB      –/12"), std::string::npos)
      << shown(experiment, {.width = 200});
  EXPECT_FALSE(lab::to_json(experiment)["summary"][0].contains("cores"));
}

TEST(View, AgainstAReferenceEachModelIsSaidToBeFasterSlowerOrTheSame) {
  lab::record experiment = sample_record();
  experiment.reference = "async";
  EXPECT_EQ("\n" + shown(experiment, {.width = 44}), R"(
 rank  model         wall  vs async  set-up
    1  threads    1.001 s     2.00×   1.0 %
    2  serial     2.000 s     1.00×   0.5 %
    2  async      2.002 s     1.00×   0.5 %
    –  processes  n/a: this machine has a r…

 ✔ threads is 2.00 times as fast as async
   [1.99–2.01]
 ≈ serial and async: no measurable
   difference (within ±3 %)
   serial, async and threads returned 333 ✔
 – processes: n/a: this machine has a reason
   of a certain length
)");
  experiment.reference = "threads";
  EXPECT_EQ(
      lab::headline(experiment, lab::analyse(experiment)),
      "serial takes 2.00 times as long as threads [2.00–2.00]; async takes 2.00 times as long as threads [1.99–2.01]");
  EXPECT_NE(lab::show_plan(experiment, {.width = 200}).find("(seed 42), each against threads"), std::string::npos);
  experiment.reference = "processes";
  EXPECT_EQ(lab::headline(experiment, lab::analyse(experiment)),
            "no verdict: processes, the reference, was not measured");
}

TEST(View, WhatWasInterruptedSaysSo) {
  lab::record experiment = sample_record();
  experiment.interrupted = true;
  experiment.test.looks = {8};
  EXPECT_NE(shown(experiment, {.width = 200})
                .find(" ! interrupted after 5 rounds of at most 8: fanout compare --resume FILE goes on with it\n"),
            std::string::npos)
      << shown(experiment, {.width = 200});
}

}  // namespace
