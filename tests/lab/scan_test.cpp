// SPDX-License-Identifier: Apache-2.0
// What users see of several experiments, word for word.
#include "lab/scan.hpp"

#include <gtest/gtest.h>

#include "tests/lab/sample_record.hpp"

namespace {

/// The sample, in which threads are best, with so many tasks; processes in place of what is not available.
lab::record point(unsigned tasks, unsigned workers = 2) {
  lab::record made = sample_record();
  made.tasks = tasks;
  made.workers = workers;
  return made;
}

void make_best(lab::record& experiment, const std::string& model) {
  for (lab::run_record& run : experiment.runs)
    if (run.model == model) run.wall_s /= 10;
}

std::string sentence_of(const std::vector<lab::record>& points) {
  const auto all = lab::scan_sentences(points);
  EXPECT_EQ(all.size(), 1U);
  return all.front().text;
}

TEST(Scan, ARowForEachPointWithTheBestMarked) {
  lab::record many = point(1000);
  make_best(many, "async");
  EXPECT_EQ("\n" + lab::show_scan({point(10), many}, {}), R"(
 tasks  workers   serial      async    threads    processes
    10        2  2.000 s    2.002 s    1.001 s ✔        n/a
  1000        2  2.000 s    0.200 s ✔  1.001 s          n/a

 ✔ best: threads up to 10 tasks, async from 1000
)");
}

TEST(Scan, SaysWhereTheBestModelChanges) {
  std::vector<lab::record> points = {point(10), point(20), point(100), point(1000), point(2000)};
  EXPECT_EQ(sentence_of(points), "best: threads everywhere");
  make_best(points[2], "async");
  EXPECT_EQ(sentence_of(points), "best: threads up to 20 tasks, async at 100, threads from 1000");
  make_best(points[1], "async");
  EXPECT_EQ(sentence_of(points), "best: threads up to 10 tasks, async from 20 to 100, threads from 1000");
  std::swap(points[0], points[4]);
  EXPECT_EQ(sentence_of(points), "best: threads up to 10 tasks, async from 20 to 100, threads from 1000")
      << "in any order";
}

TEST(Scan, NamesWhatIsEqualAndWhatIsUndecided) {
  lab::record equal = point(10), undecided = point(20);
  for (lab::run_record& run : equal.runs)
    if (run.model == "threads") run.wall_s *= 10;
  for (lab::run_record& run : undecided.runs)
    if (run.model == "async" && run.round % 2 == 0) run.wall_s /= 5;
  EXPECT_EQ(sentence_of({equal, undecided}), "best: serial and async up to 10 tasks, async or threads from 20");
  const std::string table = lab::show_scan({equal, undecided}, {});
  EXPECT_NE(table.find("    10        2   2.00 s ✔   2.00 s ✔"), std::string::npos) << table;
  EXPECT_NE(table.find("1.001 s ?"), std::string::npos) << table;
}

TEST(Scan, OfWorkersToo) {
  lab::record one = point(10, 1);
  make_best(one, "serial");
  EXPECT_EQ(sentence_of({one, point(10, 4)}), "best: serial up to 1 worker, threads from 4");
}

TEST(Scan, OfAGridEachNumberOfTasksHasALine) {
  std::vector<lab::record> points = {point(10, 1), point(10, 4), point(20, 1), point(20, 4)};
  make_best(points[0], "serial");
  const auto all = lab::scan_sentences(points);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].text, "best with 10 tasks: serial up to 1 worker, threads from 4");
  EXPECT_EQ(all[1].text, "best with 20 tasks: threads everywhere");
}

TEST(Scan, AsMarkdown) {
  EXPECT_EQ("\n" + lab::show_scan_markdown({point(10), point(20)}), R"(
### cpu:10: 2 points × 4 models, each 5 rounds in random order

| tasks | workers | serial   | async   | threads   | processes   |
| ---: | ---: | ---: | ---: | ---: | ---: |
| 10 | 2 | 2.000 s   | 2.002 s   | 1.001 s ✔ | n/a   |
| 20 | 2 | 2.000 s   | 2.002 s   | 1.001 s ✔ | n/a   |

- ✔ best: threads everywhere
)");
}

}  // namespace
