# SPDX-License-Identifier: Apache-2.0
"""The known truths at a size that takes little time: with three rounds on a busy machine much may be undecided, but
nothing that is wrong may be said. scripts/known-truth demands that all is said that is true."""

import json
import os
import subprocess
import unittest

from truths import TRUTHS, command, problems

FANOUT = os.environ["FANOUT"]
HOSTS_PYTHON = os.environ.get("FANOUT_HOSTS_PYTHON") == "1"


def run_small(truth):
    cpus = sorted(os.sched_getaffinity(0))[:truth.cpus]
    done = subprocess.run([FANOUT, *command(truth, small=True), "--format", "json"], text=True, timeout=120,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    if done.returncode != 0:
        raise AssertionError(f"{truth.name}: exit code {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


@unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two CPUs")
class KnownTruth(unittest.TestCase):
    def test_no_verdict_contradicts_what_is_known(self):
        for truth in TRUTHS:
            if truth.needs_python and not HOSTS_PYTHON:
                continue
            with self.subTest(truth.name):
                record = run_small(truth)
                self.assertEqual(len(record["summary"]), len(record["plan"]["models"]))
                self.assertEqual(problems(record, truth, small=True), [])


class Checks(unittest.TestCase):
    """Of the checks themselves."""

    TRUTH = TRUTHS[0]  # pure_cpu

    def record(self, threads="faster", asynchronous="equivalent", **more):
        pairs = [("serial", "threads", {"faster": "slower", "slower": "faster"}.get(threads, threads)),
                 ("serial", "async", asynchronous), ("processes", "serial", "faster"),
                 ("threads", "processes", "negligible")]
        return {"pairs": [dict(zip(("a", "b", "verdict"), pair)) for pair in pairs], "summary": [], **more}

    def test_what_is_true_is_no_problem(self):
        self.assertEqual(problems(self.record(why=[{"rule": "cpu_bound"}]), self.TRUTH, small=False), [])

    def test_what_is_undecided_is_one_at_full_size(self):
        record = self.record(threads="undecided")
        self.assertEqual(problems(record, self.TRUTH, small=True), [])
        self.assertEqual(problems(record, self.TRUTH, small=False),
                         ["threads < serial is true, but the verdict is: threads is undecided compared with serial"])

    def test_what_is_wrong_is_one_at_any(self):
        for record in (self.record(threads="slower"), self.record(threads="equivalent"),
                       self.record(asynchronous="faster")):
            for small in (True, False):
                self.assertEqual(len(problems(record, self.TRUTH, small)), 1)

    def test_a_speed_up_that_is_missed_and_a_gil_that_is_waited_for_are_some_at_full_size(self):
        truth = next(truth for truth in TRUTHS if truth.no_gil_wait)
        threads = {"model": "threads", "speedup_vs_serial": 1.8, "decomposition": {"gil_s": 0.1, "workers_s": 2.0}}
        record = self.record(summary=[threads])
        self.assertEqual(problems(record, truth, small=True), [])
        self.assertEqual(problems(record, truth, small=False),
                         ["threads must be at least 1.85 times as fast as serial, not 1.8",
                          "threads waited for the GIL for 5.0 % of their time: it is not held"])

    def test_a_reason_that_is_missing_is_one_at_full_size(self):
        record = self.record(why=[{"rule": "waits"}])
        self.assertEqual(problems(record, self.TRUTH, small=False), ["why does not name cpu_bound: ['waits']"])


if __name__ == "__main__":
    unittest.main()
