# SPDX-License-Identifier: Apache-2.0
"""What `fanout compare` measures, says and returns."""

import json
import os
import re
import shutil
import signal
import unittest

from tool import FANOUT, HOSTS_PYTHON, MODELS, ToolTest


def rows_not_available(done):
    return len(re.findall(r"(?m)^ +–  \w+ +n/a: ", done.stdout_text))


class Compare(ToolTest):
    def test_each_model_waits(self):
        for model in MODELS:
            with self.subTest(model):
                record = self.compare_json("sleep:0.05", "--models", model)
                self.assertEqual([row["model"] for row in record["summary"]], [model])
                self.assertGreaterEqual(record["summary"][0]["median_s"], 0.05)
                self.assertEqual([len(run["tasks"]) for run in record["runs"]], [5] * 5)

    def test_each_model_computes_the_exact_value(self):
        for n in (100_000, 4_000_000):  # the second sum is above 64 bits
            record = self.compare_json(f"cpu:{n}", "--rounds", "1")
            self.assertEqual(record["workload"]["result"], {"type": "int", "value": str(sum(i * i for i in range(n)))})
            self.assertEqual({run["model"] for run in record["runs"]}, set(MODELS))

    def test_each_built_in_workload_returns_the_exact_values_under_each_model(self):
        def squares(n):
            return str(n * (n - 1) * (2 * n - 1) // 6)

        def inverted(number, size):
            return str(sum((i % 256 + 1) * (255 - (number + i) % 256) for i in range(size)))

        sizes, random = 0, 1
        for _ in range(5000):  # alloc's, from the upper bits of Knuth's generator
            random = (random * 6364136223846793005 + 1442695040888963407) % 2**64
            sizes += 16 + (random >> 54)
        for work, values in (("uneven:1000", [squares(1000), squares(100), squares(100)]),
                             ("mixed:0.002", [squares(1_000_000)] * 3),
                             ("lock:2500000", [squares(2_500_000)] * 3),
                             ("memory:80", [str(sum(i + p for i in range(10) for p in range(20)))] * 3),
                             ("alloc:5000", [str(sizes)] * 3),
                             ("data:70000", [inverted(number, 70_000) for number in range(3)]),
                             ("block:0.001", [None] * 3)):
            with self.subTest(work):
                record = self.compare_json(work, "--tasks", "3", "--rounds", "1", "--warmup", "0")
                self.assertEqual({run["model"] for run in record["runs"]}, set(MODELS))
                for run in record["runs"]:
                    self.assertEqual([task["value"] for task in run["tasks"]], values, run["model"])

    def test_a_blocking_call_blocks_its_event_loop(self):
        for work, at_once in (("sleep:0.05", True), ("block:0.05", False)):
            [run] = self.compare_json(work, "--models", "async", "--rounds", "1", "--warmup", "0")["runs"]
            first_end = min(task["end_s"] for task in run["tasks"])
            self.assertEqual(max(task["start_s"] for task in run["tasks"]) < first_end, at_once)

    def test_waits_overlap_except_serially(self):
        record = self.compare_json("sleep:0.2", "--tasks", "5", "--rounds", "1")
        wall = {row["model"]: row["median_s"] for row in record["summary"]}
        self.assertGreaterEqual(wall["serial"], 1.0)
        for run in record["runs"]:
            first_end = min(task["end_s"] for task in run["tasks"])
            last_start = max(task["start_s"] for task in run["tasks"])
            self.assertEqual(last_start < first_end, run["model"] != "serial", run)

    def test_the_record_has_the_documented_keys(self):
        record = self.compare_json("sleep:0.05", "--seed", "7", "--tasks", "3", "--workers", "2", "--rounds", "2")
        self.assertEqual(record["seed"], 7)
        self.assertRegex(record["started"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(record["workload"]["kind"], "builtin")
        self.assertEqual(record["workload"]["spec"], "sleep:0.05")
        self.assertEqual((record["workload"]["tasks"], record["workload"]["workers"]), (3, 2))
        self.assertEqual(record["plan"]["models"], MODELS)
        self.assertEqual([sorted(row) for row in record["plan"]["order"]], [sorted(MODELS)] * 2)
        self.assertEqual(len(record["summary"]), 4)
        for row in record["summary"]:
            self.assertLessEqual({"model", "rank", "median_s", "speedup_vs_serial", "setup_share", "cpu_s", "cores",
                                  "peak_bytes", "ctx"}, set(row))
        self.assertEqual(len(record["pairs"]), 6)
        for pair in record["pairs"]:
            self.assertLessEqual({"a", "b", "ratio", "verdict"}, set(pair))
            self.assertIn(pair["verdict"], ("faster", "slower", "equivalent", "negligible", "undecided"))
        for run in record["runs"]:
            self.assertGreater(run["mem"]["vmhwm_bytes"], 100_000)

    def test_the_workers_time_adds_up_in_every_model(self):
        record = self.compare_json("cpu:3000000", "--tasks", "3", "--workers", "2", "--rounds", "2")
        for run in record["runs"]:
            time = dict(run["decomposition"])
            self.assertAlmostEqual(time.pop("workers_s"), sum(time.values()))
            self.assertEqual({task["worker"] for task in run["tasks"]}, set(range(len(run["workers"]))))
            self.assertGreaterEqual(run["mem"]["vmhwm_bytes_sum"], run["mem"]["vmhwm_bytes"])
            self.assertEqual(("loop" in run, "shipped_bytes" in run), (run["model"] == "async", run["model"] == "processes"))
        self.assertIn("cpu_bound", [one["rule"] for one in record["why"]])
        self.assertIn("cpu_bound", next(row for row in record["summary"] if row["model"] == "serial")["diagnosis"])

    def test_the_same_seed_gives_the_same_order(self):
        orders = [self.compare_json("cpu:1000", "--rounds", "5", "--seed", seed)["plan"]["order"] for seed in ("5", "5", "6")]
        self.assertEqual(orders[0], orders[1])
        self.assertNotEqual(orders[0], orders[2])

    def test_defaults_follow_the_number_of_tasks(self):
        self.assertEqual(self.compare_json("sleep:0.05", "--models", "async")["workload"]["tasks"], 5)
        record = self.compare_json("cpu:1000", "--models", "async")
        self.assertEqual((record["workload"]["tasks"], record["workload"]["workers"]), (2, 2))
        self.assertEqual((record["plan"]["rounds"], record["plan"]["looks"]), (20, [5, 8, 12, 20]))

    def test_rounds_go_on_until_every_pair_is_decided(self):
        record = self.compare_json("sleep:0.05", "--models", "serial,async", "--rounds", "auto")
        self.assertIn(len(record["plan"]["order"]), record["plan"]["looks"])
        decided = "undecided" not in [pair["verdict"] for pair in record["pairs"]]
        self.assertEqual(decided or len(record["plan"]["order"]) == 20, True)
        self.assertEqual(record["pairs"][0]["ci"]["level"], 0.9875)
        self.assertEqual(len(self.compare_json("cpu:1000", "--rounds", "3")["plan"]["order"]), 3)

    def test_processes_start_in_each_way_that_is_asked_for(self):
        models = ["serial", "processes", "processes/spawn", "processes/fork"]
        record = self.compare_json("cpu:1000", "--models", ",".join(models), "--rounds", "1", "--warmup", "0")
        runs = {run["model"]: run for run in record["runs"]}
        self.assertEqual(sorted(runs), sorted(models))
        for model in models[1:]:
            self.assertNotIn("error", runs[model])
            self.assertGreater(runs[model]["shipped_bytes"], 0, model)

    def test_a_reference_is_what_the_others_are_compared_with(self):
        record = self.compare_json("sleep:0.05", "--reference", "threads", "--rounds", "3")
        self.assertEqual([(pair["a"], pair["b"]) for pair in record["pairs"]],
                         [("serial", "threads"), ("async", "threads"), ("processes", "threads")])
        self.assertEqual((record["plan"]["reference"], record["pairs"][0]["verdict"]), ("threads", "slower"))
        for row in record["summary"]:
            self.assertLessEqual({"speedup_vs_serial", "speedup_vs_reference"}, set(row))
        self.write_file("record.json", json.dumps(record))
        shown = self.run_tool("explain", "record.json").stdout_text
        self.assertIn("  vs threads  ", shown)
        self.assertRegex(shown, r"(?m)^ – serial takes \d\.\d\d times as long as threads \[\d\.\d\d–\d\.\d\d\]$")

    def test_a_budget_ends_it_after_the_round(self):
        record = self.compare_json("cpu:1000", "--budget", "1ms")
        self.assertEqual((len(record["plan"]["order"]), len(record["runs"])), (1, 4))
        self.assertEqual((record["plan"]["budget_spent"], record["plan"]["budget_s"]), (True, 0.001))

    def test_a_model_that_takes_too_long_fails_alone(self):
        done = self.run_tool("compare", "sleep:1", "--models", "serial,async", "--tasks", "5", "--timeout", "4s",
                             "--rounds", "1", "--warmup", "0")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout_text, r"(?m)^ +–  serial +failed: no result after 4 s$")
        self.assertIn("serial failed: no result after 4 s; --timeout gives it more time\n", done.stderr_text)
        self.assertIn("async finished all 5 tasks ✔", done.stdout_text)

    def test_each_model_warms_up_before_the_first_round(self):
        record = self.compare_json("cpu:1000", "--rounds", "1", "--warmup", "2")
        self.assertEqual([(run["model"], run["round"]) for run in record["warmup"]], [(model, 0) for model in MODELS * 2])
        self.assertEqual(record["plan"]["warmup"], 2)
        self.assertNotIn("warmup", self.compare_json("cpu:1000", "--rounds", "1", "--warmup", "0"))

    def test_each_round_says_whether_it_was_disturbed(self):
        rounds = self.compare_json("cpu:1000", "--rounds", "3")["rounds"]
        self.assertEqual([one["round"] for one in rounds], [1, 2, 3])
        for one in rounds:
            self.assertIn(one["dirty"], (True, False))

    def test_the_table_and_its_sentences(self):
        done = self.run_tool("compare", "sleep:0.2", "--rounds", "3")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertIn("sleep:0.2 × 5\n", done.stdout_text)
        self.assertRegex(done.stdout_text, r"(?m)^ +[2-4]  serial +1\.\d+ s +1\.00×")
        for model in MODELS:
            self.assertRegex(done.stdout_text, rf"(?m)^ +\d  {model} ")
        self.assertRegex(" ".join(done.stdout_text.split()), r"\d\.\d\d times as fast as serial")
        self.assertIn("every model finished all 5 tasks ✔", done.stdout_text)

    def test_one_model_alone_needs_no_verdict(self):
        done = self.run_tool("compare", "cpu:100000", "--models", "async")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertIn("async alone was measured", done.stdout_text)
        self.assertIn("async returned 333328333350000 ✔", done.stdout_text)

    def test_no_model_makes_its_report_while_the_clock_runs(self):
        record = self.compare_json("cpu:10", "--tasks", "2000", "--rounds", "1", "--models", "serial,async")
        faults = {run["model"]: run["faults"]["minor"] for run in record["runs"]}  # 2000 reports touch many pages
        self.assertLess(faults["serial"], faults["async"])

    def test_the_program_may_be_replaced_while_it_runs(self):
        copy = os.path.join(self.folder.name, "fanout")
        shutil.copy(FANOUT, copy)
        process = self.start("compare", "sleep:0.3", "--models", "processes", "--rounds", "2", program=copy)
        self.host_of(process)
        self.write_file("fanout", "another program\n", replace=True)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        self.assertIn("processes finished all 5 tasks ✔", out)

    def test_a_host_that_dies_fails_its_model_only(self):
        process = self.start("compare", "sleep:0.3", "--models", "async,threads", "--rounds", "1", "--tasks", "1")
        os.kill(self.host_of(process), signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertEqual(err.count("ended without a result: SIGKILL (killed)"), 1, err)
        self.assertEqual(out.count("failed: "), 1, out)
        self.assertRegex(out, r"(?m)^ +1  (async|threads) ")


class Scan(ToolTest):
    def test_each_point_is_a_comparison(self):
        record = self.compare_json("cpu:1000", "--tasks", "1..2,5", "--workers", "1,3", "--rounds", "1",
                                   "--models", "async,threads")
        self.assertEqual([(point["workload"]["tasks"], point["workload"]["workers"]) for point in record["points"]],
                         [(1, 1), (1, 3), (2, 1), (2, 3), (5, 1), (5, 3)])
        for point in record["points"]:
            self.assertEqual([len(run["tasks"]) for run in point["runs"]], [point["workload"]["tasks"]] * 2)

    def test_the_points_share_the_budget(self):
        record = self.compare_json("cpu:1000", "--tasks", "1,2", "--budget", "2ms", "--warmup", "0")
        for point in record["points"]:
            self.assertEqual((point["plan"]["budget_s"], len(point["plan"]["order"])), (0.001, 1))


class SelfTest(ToolTest):
    def test_a_model_is_not_faster_than_itself(self):
        done = self.run_tool("self-test", "sleep:0.001", "--runs", "2", "--budget", "10s")
        self.assertEqual(done.returncode, 0, done.stdout_text + done.stderr_text)
        lines = done.stdout_text.splitlines()
        self.assertEqual(lines[0], "sleep:0.001 × 5: threads is the same under two names")
        for number, line in enumerate(lines[1:3], 1):
            self.assertRegex(line, rf"^ run {number} of 2: (equivalent|negligible|undecided) after \d+ runs of each: [\d.]+ times")
        self.assertRegex(lines[3], r"^✔ 2 runs: [012] equivalent, [012] undecided, 0 faster or slower, which is right$")

    @unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
    def test_work_that_fails_is_no_self_test(self):
        self.write_file("tasks.py", "def task():\n    raise ValueError('no')\n")
        done = self.run_tool("self-test", "tasks.py:task")
        self.assertEqual(done.returncode, 1, done.stdout_text)
        self.assertIn("threads/A and threads/B failed", done.stderr_text)
        done = self.run_tool("self-test", "tasks.py:task", environment=self.environment(VIRTUAL_ENV="", PATH="/none"))
        self.assertEqual(done.returncode, 1, done.stdout_text)
        self.assertIn("fanout: threads: n/a: ", done.stderr_text)


class WithoutItsFolder(ToolTest):
    """The program was copied without lib/fanout."""

    def run_copy(self, *args):
        os.mkdir(os.path.join(self.folder.name, "bin"))
        copy = shutil.copy(FANOUT, os.path.join(self.folder.name, "bin"))
        return self.run_tool("compare", *args, program=copy)

    def test_functions_are_not_available_and_what_is_missing_is_named(self):
        self.write_file("tasks.py", "def task():\n    return 1\n")
        done = self.run_copy("tasks.py:task")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(rows_not_available(done), 4, done.stdout_text)
        self.assertRegex(done.stderr_text, r"no /.*/lib/fanout/host\.py|built without Python")

    def test_the_notebook_shows_what_can_be_measured(self):
        done = self.run_copy("--rounds", "1", "--tasks", "1", "--models", "async", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        comparisons = json.loads(done.stdout_text)["comparisons"]
        self.assertEqual([len(one["summary"]) for one in comparisons], [1, 1, 0, 0])
        self.assertEqual([len(one.get("unavailable", [])) for one in comparisons], [0, 0, 1, 1])


class DryRun(ToolTest):
    def test_shows_the_plan_and_runs_nothing(self):
        args = ("compare", "sleep:60", "--dry-run", "--seed", "5", "--models", "serial,async,threads")
        done = self.run_tool(*args)
        self.assertEqual((done.returncode, done.stderr_text), (0, ""))
        for line in (r"sleep:60 × 5", r".*3 models × 5 to 20 rounds in random order \(seed 5\)",
                     r"   1 run of each model to warm up, not counted",
                     r"   first round: (serial|async|threads), (serial|async|threads), (serial|async|threads); then.*",
                     r"   verdicts are drawn after 5, 8, 12, 20 rounds; it ends when every pair is decided, or after 2:00"):
            self.assertRegex(done.stdout_text.replace("\n   d", " d"), rf"(?m)^{line}")
        self.assertEqual(self.run_tool(*args).stdout_text, done.stdout_text, "the seed repeats the order")

    def test_is_what_then_runs(self):
        args = ("compare", "sleep:0.001", "--seed", "7", "--rounds", "1")
        planned = self.run_tool(*args, "--dry-run").stdout_text
        order = self.compare_json(*args[1:])["plan"]["order"][0]
        self.assertIn(f"first round: {', '.join(order)};", planned)

    def test_of_the_notebook_shows_all_its_parts(self):
        done = self.run_tool("compare", "--dry-run")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertEqual(done.stdout_text.count("first round:"), 4)  # Python runs serial and async without our extension, too

    def test_is_for_people(self):
        self.assertEqual(self.run_tool("compare", "cpu:10", "--dry-run", "--format", "json").returncode, 2)



@unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
class PythonFunctions(ToolTest):
    def test_a_task_that_fails_is_told_once_and_the_others_go_on(self):
        self.write_file("tasks.py", "import threading\n"
                        "def task():\n"
                        "    if threading.current_thread() is not threading.main_thread():\n"
                        "        raise ValueError('only on the main thread')\n"
                        "    return 5\n")
        done = self.run_tool("compare", "tasks.py:task", "--models", "serial,threads", "--rounds", "3")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr_text.count("ValueError: only on the main thread"), 1, done.stderr_text)
        self.assertIn("failed: ValueError: only on the main thread", done.stdout_text)
        self.assertIn("serial returned 5 ✔", done.stdout_text)

    def test_models_with_different_results_get_no_verdict(self):
        self.write_file("tasks.py", "import threading\n"
                        "def task():\n    return threading.current_thread() is threading.main_thread()\n")
        done = self.run_tool("compare", "tasks.py:task", "--models", "serial,threads", "--rounds", "2")
        self.assertEqual(done.returncode, 5)
        self.assertIn("no verdict: the models' results differ", done.stdout_text)
        self.assertIn("serial returned true", done.stderr_text)
        self.assertIn("threads returned false", done.stderr_text)

    def test_no_usable_python_is_said_in_the_rows(self):
        self.write_file("tasks.py", "def task():\n    return 1\n")
        done = self.run_tool("compare", "tasks.py:task", "--python", "/nonexistent/python")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(rows_not_available(done), 4, done.stdout_text)
        self.assertIn("nothing could be measured", done.stderr_text)

    def test_a_python_that_does_not_know_where_it_is_runs_nothing(self):
        self.write_file("tasks.py", "def task():\n    return 1\n")
        answer = '{"python": {"version": "3.12.0", "executable": "", "implementation": "CPython"}, "models": {}}'
        lost = self.write_file("lost", f"#!/bin/sh\necho '{answer}' >&3\n")
        os.chmod(lost, 0o755)
        done = self.run_tool("compare", "tasks.py:task", "--python", lost)
        self.assertEqual((done.returncode, rows_not_available(done)), (1, 4), done.stdout_text)
        self.assertIn("its sys.executable is empty", done.stderr_text)

    def test_a_python_that_is_gone_after_its_answer_runs_nothing(self):
        self.write_file("tasks.py", "def task():\n    return 1\n")
        answer = '{"python": {"version": "3.12.0", "executable": "/gone", "implementation": "CPython"}, "models": {}}'
        fleeting = self.write_file("fleeting", f"#!/bin/sh\necho '{answer}' >&3\n")
        os.chmod(fleeting, 0o755)
        done = self.run_tool("compare", "tasks.py:task", "--python", fleeting)
        self.assertEqual((done.returncode, rows_not_available(done)), (1, 4), done.stdout_text)
        self.assertIn("no such file: /gone", done.stderr_text)

    def test_a_broken_python_is_quoted_once(self):
        self.write_file("tasks.py", "def task():\n    return 1\n")
        broken = self.write_file("broken", "#!/bin/sh\nfor i in 1 2 3; do echo \"  line $i\"; done; exit 3\n")
        os.chmod(broken, 0o755)
        done = self.run_tool("compare", "tasks.py:task", "--python", broken)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(rows_not_available(done), 4, done.stdout_text)
        self.assertNotIn("line 1", done.stdout_text)
        self.assertEqual(done.stderr_text.count("\n  line 1\n  line 2\n  line 3\n"), 1, done.stderr_text)

    def test_a_slow_import_is_announced(self):
        self.write_file("tasks.py", "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
                        "def task():\n    return 1\n")
        process = self.start("compare", "tasks.py:task", "--models", "serial", "--rounds", "1")
        self.assertRegex(process.stderr.readline(), r"^importing tasks\.py with /.*…$")
        self.write_file("go", "")
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)

    def test_arguments_arrive_as_they_were_typed(self):
        self.write_file("tasks.py", "def task(*args):\n    return repr(args)\n")
        for words, value in ((["--arg=", "--arg", "", "--arg", "x"], "('', '', 'x')"),
                             (["--arg", "-5", "--arg", "--x=", "--arg=a=b="], "(-5, '--x=', 'a=b=')"),
                             (["--arg", "[1, 2]", "--arg", "{}"], "([1, 2], {})")):
            record = self.compare_json("tasks.py:task", *words, "--models", "serial", "--rounds", "1")
            self.assertEqual(record["workload"]["result"]["value"], value)

    def test_what_tasks_print_comes_on_stderr_tagged(self):
        self.write_file("tasks.py", "def task(i):\n    print('task', i, 'starts')\n")
        done = self.run_tool("compare", "tasks.py:task", "--arg", "{i}", "--models", "serial", "--rounds", "1")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertIn("[serial] task 0 starts\n[serial] task 1 starts\n", done.stderr_text)
        self.assertNotIn("starts", done.stdout_text)


if __name__ == "__main__":
    unittest.main()
