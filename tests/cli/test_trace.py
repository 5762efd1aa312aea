# SPDX-License-Identifier: Apache-2.0
"""--trace: the file is one that a viewer of Chrome's traces reads, and shows what has run."""

import collections
import json
import os
import signal
import unittest

from tool import HOSTS_PYTHON, MODELS, ToolTest, wait_until

ONCE = ("--rounds", "1", "--warmup", "0")


def ns(us):
    return round(1000 * us)


class TraceTest(ToolTest):
    def traced(self, *args, expected_code=0):
        done = self.run_tool("compare", *args, "--trace", "trace.json")
        self.assertEqual(done.returncode, expected_code, done.stderr_text)
        self.said = done.stderr_text
        return self.read("trace.json")

    def read(self, name):
        with open(os.path.join(self.folder.name, name)) as file:
            trace = json.load(file)
        self.check(trace)
        return trace["traceEvents"]

    def check(self, trace):
        """What the format demands."""
        self.assertLessEqual({"traceEvents", "displayTimeUnit", "otherData"}, set(trace))
        events = trace["traceEvents"]
        self.assertLessEqual({event["ph"] for event in events}, set("MXbeC"))
        processes = {event["pid"] for event in events if event["name"] == "process_name"}
        named = [(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"]
        tracks = set(named)
        self.assertEqual(len({track for _, track in named}), len(named))  # Perfetto knows names by these numbers alone
        timed = [event for event in events if event["ph"] != "M"]
        self.assertEqual([event["ts"] for event in timed], sorted(event["ts"] for event in timed))
        for event in timed:
            self.assertIn(event["pid"], processes)
            self.assertGreaterEqual(event["ts"], 0)
            if event["ph"] == "C":
                self.assertTrue(all(value >= 0 for value in event["args"].values()), event)
            else:
                self.assertIn((event["pid"], event["tid"]), tracks)
        self.check_slices(timed)
        self.check_pairs(timed)

    def check_slices(self, timed):
        """Those of one track nest."""
        open_until = collections.defaultdict(list)
        for event in timed:
            if event["ph"] == "X":
                enclosing = open_until[event["pid"], event["tid"]]
                begin, end = ns(event["ts"]), ns(event["ts"]) + ns(event["dur"])
                self.assertGreater(end, begin, event)
                while enclosing and enclosing[-1] <= begin:
                    enclosing.pop()
                self.assertTrue(not enclosing or end <= enclosing[-1], event)
                enclosing.append(end)

    def check_pairs(self, timed):
        """Whatever is begun is ended, once."""
        begun, ended = ({event["id"]: event for event in timed if event["ph"] == kind} for kind in "be")
        self.assertEqual(len(begun) + len(ended), sum(event["ph"] in "be" for event in timed))
        self.assertEqual(begun.keys(), ended.keys())
        for number, event in begun.items():
            self.assertLessEqual(event["ts"], ended[number]["ts"])
            self.assertEqual((event["name"], event["pid"]), (ended[number]["name"], ended[number]["pid"]))

    @staticmethod
    def names(events, kind="process_name"):
        """{number: name} of processes; of threads {(process, track): name}."""
        return {event["pid"] if kind == "process_name" else (event["pid"], event["tid"]): event["args"]["name"]
                for event in events if event["name"] == kind}

    def of(self, events, model, *kinds):
        [process] = [number for number, name in self.names(events).items() if name == model]
        return [event for event in events if event["pid"] == process and event["ph"] in kinds]


class Trace(TraceTest):
    def test_each_model_has_a_process_with_all_its_tasks(self):
        events = self.traced("sleep:0.05", "--tasks", "3", "--workers", "2", *ONCE)
        self.assertEqual(list(self.names(events).values()), MODELS)
        for model in MODELS:
            tasks = [event for event in self.of(events, model, "X", "b") if event["cat"] == "task"]
            self.assertEqual(sorted(event["name"] for event in tasks), ["task 0", "task 1", "task 2"], model)
        workers = {model: {track for (process, track), name in self.names(events, "thread_name").items()
                           if self.names(events)[process] == model} for model in MODELS}
        self.assertEqual((len(workers["serial"]), len(workers["async"])), (1, 1))
        self.assertIn(len(workers["threads"]), (1, 2))
        self.assertIn(len(workers["processes"]), (1, 2))
        self.assertIn("trace.json has a timeline of one more run of each model; ui.perfetto.dev opens it", self.said)

    def test_coroutines_overlap_and_what_runs_alone_on_its_worker_does_not(self):
        events = self.traced("sleep:0.05", "--models", "serial,async", "--tasks", "3", *ONCE)
        self.assertEqual([event["ph"] for event in self.of(events, "async", "b", "e")], list("bbbeee"))
        self.assertEqual(self.of(events, "serial", "b"), [])

    def test_what_is_measured_stays_as_it_is_without(self):
        self.traced("cpu:1000", "--models", "serial,threads", "--rounds", "3", "--warmup", "0",
                    "--export-json", "record.json")
        with open(os.path.join(self.folder.name, "record.json")) as file:
            record = json.load(file)
        self.assertEqual(len(record["runs"]), 6)
        self.assertNotIn("trace", json.dumps(record))

    def test_a_resumed_comparison_is_drawn_too(self):
        part = self.compare_json("cpu:1000", "--models", "serial,async", "--rounds", "2")
        part["plan"].update(interrupted=True, looks=[3])
        self.write_file("part.json", json.dumps(part))
        events = self.traced("--resume", "part.json")
        self.assertEqual(list(self.names(events).values()), ["serial", "async"])

    def test_what_cannot_be_drawn(self):
        for args, problem in ((("cpu:5", "--tasks", "1,2", "--trace", "t.json"), "--trace draws one comparison"),
                              (("cpu:5", "--trace", "missing/t.json"), "cannot write missing/t.json"),
                              (("cpu:5", "--trace", "t.json", "--export-json", "t.json"), "both name t.json")):
            done = self.run_tool("compare", *args)
            self.assertEqual((done.returncode, done.stdout_text), (2, ""))
            self.assertIn(problem, done.stderr_text)
        self.assertEqual(os.listdir(self.folder.name), [])


@unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
class PythonTrace(TraceTest):
    def test_threads_take_turns_with_the_gil(self):
        self.write_file("tasks.py", "import os, threading, time\n"
                        "both, used = threading.Barrier(2), {}\n"
                        "def task():\n"
                        "    assert 'FANOUT_TRACE' not in os.environ\n"
                        "    both.wait()\n"
                        "    begin, used[threading.get_ident()] = time.thread_time(), 0\n"
                        "    while len(used) < 2 or min(used.values()) < 0.05:\n"
                        "        sum(i * i for i in range(2000))\n"
                        "        used[threading.get_ident()] = time.thread_time() - begin\n")
        events = self.traced("tasks.py:task", "--models", "threads", *ONCE)
        tracks = {name.partition(" (")[0]: track for track, name in self.names(events, "thread_name").items()}
        self.assertLessEqual({"who holds the GIL", "worker 1", "worker 2"}, set(tracks))

        def slices(track):
            return [event for event in events if event["ph"] == "X" and (event["pid"], event["tid"]) == tracks[track]]

        holding = slices("who holds the GIL")
        for earlier, later in zip(holding, holding[1:]):  # one at a time
            self.assertLessEqual(ns(earlier["ts"]) + ns(earlier["dur"]), ns(later["ts"]))
        for worker in ("worker 1", "worker 2"):
            self.assertIn(worker, {event["name"].partition(" (")[0] for event in holding})
            self.assertIn("waits for the GIL", {event["name"] for event in slices(worker)})

    def test_each_model_of_a_function_is_drawn(self):
        self.write_file("tasks.py", "import asyncio\nasync def task(i):\n    await asyncio.sleep(0.02)\n    return i\n")
        events = self.traced("tasks.py:task", "--arg", "{i}", "--tasks", "3", *ONCE)
        self.assertEqual(list(self.names(events).values()), MODELS)
        self.assertEqual([event["ph"] for event in self.of(events, "async", "b", "e")], list("bbbeee"))

    def fails_the_second_time(self, how):
        self.write_file("tasks.py", "import os, time\n"
                        "def task():\n"
                        "    if not os.path.exists('seen'): return open('seen', 'w').close()\n"
                        f"    {how}\n")

    def test_what_fails_only_then_is_left_out_and_changes_no_result(self):
        self.fails_the_second_time("raise ValueError('no')")
        events = self.traced("tasks.py:task", "--models", "serial", "--tasks", "1", *ONCE)
        self.assertEqual(events, [])
        self.assertIn("fanout: serial is not in trace.json: ValueError: no\n", self.said)

    def test_what_has_failed_before_is_not_run_again(self):
        self.write_file("tasks.py", "def task():\n    print('ran')\n    raise ValueError('no')\n")
        events = self.traced("tasks.py:task", "--models", "serial", "--tasks", "1", *ONCE, expected_code=1)
        self.assertEqual(events, [])
        self.assertEqual(self.said.count("] ran"), 1, self.said)

    def test_ctrl_c_leaves_no_half_of_it(self):
        self.fails_the_second_time("open('again', 'w').close(), time.sleep(1000)")
        process = self.start("compare", "tasks.py:task", "--models", "serial", "--tasks", "1", *ONCE,
                             "--trace", "trace.json")
        wait_until(lambda: os.path.exists(os.path.join(self.folder.name, "again")), "the run that is drawn")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["again", "seen", "tasks.py"])


if __name__ == "__main__":
    unittest.main()
