# SPDX-License-Identifier: Apache-2.0
"""The known truths at a size that takes little time: with few rounds on a busy machine much may be undecided, but
nothing that is wrong may be said, and what is true by a large factor must be. scripts/known-truth demands that all is
said that is true."""

import dataclasses
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
    def test_no_verdict_contradicts_what_is_known_and_large_effects_are_found(self):
        for truth in TRUTHS:
            if truth.small is None or (truth.needs_python and not HOSTS_PYTHON):
                continue
            with self.subTest(truth.name):
                record = run_small(truth)
                self.assertEqual(len(record["summary"]), len(record["plan"]["models"]))
                self.assertEqual(problems(record, truth, small=True), [])


class Checks(unittest.TestCase):
    """Of the checks themselves."""

    TRUTH = TRUTHS[0]  # pure_cpu

    def record(self, threads="faster", asynchronous="equivalent", why=("cpu_bound",), summary=()):
        pairs = [("serial", "threads", {"faster": "slower", "slower": "faster"}.get(threads, threads)),
                 ("serial", "async", asynchronous), ("processes", "serial", "faster"),
                 ("threads", "processes", "negligible")]
        return {"pairs": [dict(zip(("a", "b", "verdict"), pair)) for pair in pairs], "summary": list(summary),
                "why": [{"rule": rule} for rule in why]}

    def row(self, model="threads", speed=1.0, gil_s=0.0, closure_error_s=0.0):
        return {"model": model, "speedup_vs_serial": speed,
                "decomposition": {"gil_s": gil_s, "closure_error_s": closure_error_s, "workers_s": 2.0}}

    def problems_at_full_size(self, truth, *rows):
        """Only those that the small size does not have."""
        record = self.record(summary=rows, why=truth.why)
        small = problems(record, truth, small=True)
        return [problem for problem in problems(record, truth, small=False) if problem not in small]

    def test_what_is_true_is_no_problem(self):
        self.assertEqual(problems(self.record(), self.TRUTH, small=False), [])

    def test_what_is_undecided_is_one_at_full_size(self):
        record = self.record(threads="undecided")
        self.assertEqual(problems(record, self.TRUTH, small=True), [])
        self.assertEqual(problems(record, self.TRUTH, small=False),
                         ["threads < serial is true, but the verdict is: threads is undecided compared with serial"])

    def test_what_is_undecided_is_one_at_any_if_it_is_sure(self):
        truth = dataclasses.replace(self.TRUTH, sure=("threads < serial",))
        for small in (True, False):
            self.assertEqual(len(problems(self.record(threads="undecided"), truth, small)), 1)

    def test_what_is_wrong_is_one_at_any(self):
        for record in (self.record(threads="slower"), self.record(threads="equivalent"),
                       self.record(asynchronous="faster")):
            for small in (True, False):
                self.assertEqual(len(problems(record, self.TRUTH, small)), 1)

    def test_a_bound_that_is_missed_is_one_at_full_size(self):
        truth = dataclasses.replace(self.TRUTH, at_most={"threads": 1.9}, at_least={"threads": 1.85}, gil_at_most=0.02,
                                    closure_at_most=0.02)
        self.assertEqual(self.problems_at_full_size(truth, self.row(speed=1.87, gil_s=0.04, closure_error_s=-0.04)), [])
        self.assertEqual(self.problems_at_full_size(truth, self.row(speed=1.8, gil_s=0.1, closure_error_s=-0.1)),
                         ["threads must be at least 1.85 times as fast as serial, not 1.8",
                          "threads waited for the GIL for 5.0 % of their time: it is not held",
                          "the account of threads is off by 5.0 % of the workers' time"])
        self.assertEqual(self.problems_at_full_size(truth, self.row(speed=1.95)),
                         ["threads cannot be 1.95 times as fast as serial: 1.9 at most"])

    def test_a_gil_that_is_held_is_waited_for(self):
        truth = dataclasses.replace(self.TRUTH, gil_at_least=0.4)
        self.assertEqual(self.problems_at_full_size(truth, self.row(gil_s=0.8), self.row("serial")), [])
        self.assertEqual(self.problems_at_full_size(truth, self.row(gil_s=0.6)),
                         ["threads waited for the GIL for 30.0 % of their time only: one of them always does"])

    def test_a_reason_that_is_missing_is_one_at_any_size_if_load_cannot_hide_it(self):
        record = self.record(why=["waits"])
        for small in (True, False):
            self.assertEqual(problems(record, self.TRUTH, small), ["why does not name cpu_bound: ['waits']"])
        truth = dataclasses.replace(self.TRUTH, why=("gil",))
        self.assertEqual(problems(record, truth, small=True), [])
        self.assertEqual(problems(record, truth, small=False), ["why does not name gil: ['waits']"])

    def test_what_is_sure_is_a_relation_that_is_asked_for(self):
        for truth in TRUTHS:
            self.assertLessEqual(set(truth.sure), set(truth.relations), truth.name)


if __name__ == "__main__":
    unittest.main()
