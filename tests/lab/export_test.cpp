// SPDX-License-Identifier: Apache-2.0
// Records as CSV and as Markdown, letter for letter.
#include <gtest/gtest.h>

#include "lab/csv.hpp"
#include "lab/markdown.hpp"
#include "tests/lab/sample_record.hpp"

namespace {

TEST(Markdown, TableAndSentences) {
  EXPECT_EQ("\n" + lab::show_markdown(sample_record(), lab::analyse(sample_record())), R"(
### cpu:10 × 2

2 workers, 2 CPUs, Linux 6.18 · 3 models × 5 rounds in random order (seed 42)

| rank | model | wall | vs serial | set-up | CPU | cores | memory | switches | wall, range |
| ---: | :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| 1 | threads | 1.001 s | 2.00× | 1.0 % | 1.980 s | 1.98 | 4.5 MB | 2/12 | 0.990 – 1.019 s |
| 2 | serial | 2.000 s | 1.00× | 0.5 % | 2.000 s | 1.00 | 4.5 MB | 2/12 | 1.980 – 2.040 s |
| 2 | async | 2.002 s | 1.00× | 0.5 % | 2.000 s | 1.00 | 4.5 MB | 2/12 | 1.980 – 2.044 s |
| – | processes | n/a: this machine has a reason of a certain length |  |  |  |  |  |  |  |

- ✔ threads is best: 2.00 times as fast as serial and async \[2.00–2.00\]
- ≈ serial and async: no measurable difference (within ±3 %)
- serial, async and threads returned 333 ✔
)");
}

TEST(Markdown, TextsStayTexts) {
  lab::record odd = sample_record();
  odd.title = "tasks.py:f(*, <b>)";
  odd.unavailable[0].reason = "a | b";
  const std::string text = lab::show_markdown(odd, lab::analyse(odd), 1);
  EXPECT_TRUE(text.starts_with("# tasks.py:f(\\*, \\<b\\>) × 2\n")) << text;
  EXPECT_NE(text.find("| n/a: a \\| b |"), std::string::npos) << text;
}

TEST(Csv, ALineForEachModel) {
  lab::record experiment = sample_record();
  experiment.title = "tasks.py:f(1, \"x\")";
  experiment.runs.back().error = "no,\nnot here";  // threads, in the last round
  EXPECT_EQ("\n" + lab::csv_header() + lab::csv_lines(experiment, lab::analyse(experiment)), R"csv(
work,tasks,workers,model,status,rounds,rank,median_s,min_s,max_s,speedup_vs_serial,speedup_vs_reference,setup_share,cpu_s,cores,peak_bytes,voluntary_switches,involuntary_switches,minor_faults,major_faults,vmhwm_bytes_sum,shipped_bytes,max_lag_s,cpu_share,gil_share,run_queue_share,blocked_share,idle_share,closure_error_share,diagnosis,error
"tasks.py:f(1, ""x"")",2,2,serial,ok,5,1,2,1.98,2.04,1,,0.005,2,1,4500000,2,12,0,0,,,,,,,,,,,
"tasks.py:f(1, ""x"")",2,2,async,ok,5,1,2.002,1.98,2.04408,1,,0.004995005,2,1,4500000,2,12,0,0,,,,,,,,,,,
"tasks.py:f(1, ""x"")",2,2,threads,failed,,,,,,,,,,,,,,,,,,,,,,,,,,"no,
not here"
"tasks.py:f(1, ""x"")",2,2,processes,n/a,,,,,,,,,,,,,,,,,,,,,,,,,,this machine has a reason of a certain length
)csv");
}

TEST(Csv, HasTheSpeedupOverTheReference) {
  lab::record experiment = sample_record();
  experiment.reference = "threads";
  const std::string lines = lab::csv_lines(experiment, lab::analyse(experiment));
  EXPECT_NE(lines.find("cpu:10,2,2,serial,ok,5,2,2,1.98,2.04,1,0.5,"), std::string::npos) << lines;
}

}  // namespace
