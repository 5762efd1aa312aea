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

 ✔ threads is best: 2.00 times as fast as serial and async
 ≈ serial and async: no measurable difference (within ±3 %)
   every model returned 333 ✔
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
   serial and async
 ≈ serial and async: no measurable
   difference (within ±3 %)
   every model returned 333 ✔
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

TEST(View, AFailedModelHasARowAndItsErrorIsShownInFull) {
  lab::record failing = sample_record();
  for (lab::run_record& run : failing.runs)
    if (run.model == "async") {
      run.tasks[1].ok = false;
      run.error = "Traceback (most recent call last):\n  File \"x.py\"\nValueError: no";
    }
  EXPECT_NE(shown(failing, {}).find("–  async      failed: ValueError: no\n"), std::string::npos) << shown(failing, {});
  EXPECT_EQ(lab::show_problems(lab::analyse(failing)),
            "fanout: async failed (1 of 2 tasks; the first): Traceback (most recent call last):\n  File "
            "\"x.py\"\nValueError: no\n");
}

TEST(View, DifferentResultsAreNamedAndGetNoVerdict) {
  lab::record differing = sample_record();
  for (lab::run_record& run : differing.runs)
    if (run.model == "async") run.tasks[1].value = "334";
  EXPECT_NE(shown(differing, {}).find("✘ no verdict: the models' results differ\n"), std::string::npos);
  EXPECT_EQ(lab::show_problems(lab::analyse(differing)),
            "fanout: the models' results differ, so there is no verdict:\n"
            "  serial and threads returned 333\n  async returned 333, 334\n");
}

TEST(View, AValueThatChangesUnderOneModelIsExplained) {
  lab::record changing = sample_record();
  for (lab::run_record& run : changing.runs) run.tasks[0].value = std::to_string(run.round);
  EXPECT_NE(lab::show_problems(lab::analyse(changing)).find("serial did not return the same each time"),
            std::string::npos);
}

TEST(View, ValuesAreShownOnOneLine) {
  lab::record texts = sample_record();
  for (lab::run_record& run : texts.runs)
    for (lab::task_report& task : run.tasks) {
      task.type = "str";
      task.value = "a\n\"b\"";
    }
  EXPECT_NE(shown(texts, {}).find(R"(every model returned "a\n\"b\"" ✔)"), std::string::npos) << shown(texts, {});
}

}  // namespace
