# SPDX-License-Identifier: Apache-2.0
"""Real code at a size that takes little time: each function runs under every model with the same result, and a second
measurement does not say the contrary of the first. scripts/real-code measures it at full size."""

import os
import unittest

from real_code import FUNCTIONS, contradictions, measure, problems, why_not

FANOUT = os.environ["FANOUT"]
HOSTS_PYTHON = os.environ.get("FANOUT_HOSTS_PYTHON") == "1"
FEW_ROUNDS = ("--rounds", "2", "--warmup", "0")


@unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
class RealCode(unittest.TestCase):
    def test_a_second_measurement_does_not_say_the_contrary(self):
        for function in FUNCTIONS:
            with self.subTest(function.name):
                if reason := why_not(function):
                    self.skipTest(reason)
                first, second = (measure(FANOUT, function, 1, *FEW_ROUNDS) for _ in range(2))
                self.assertEqual(len(first["summary"]), 4, first.get("unavailable"))
                self.assertEqual(first["workload"]["result"], second["workload"]["result"])
                self.assertEqual([one for one in contradictions(first, second) if "equivalent" not in one], [])


def record(*pairs, best):
    rows = [{"model": model, "rank": 1 if model in best else 2} for model in ("serial", "threads", "processes")]
    return {"pairs": [dict(zip(("a", "b", "verdict"), pair)) for pair in pairs], "summary": rows}


class Confirmation(unittest.TestCase):
    FASTER = record(("threads", "serial", "faster"), ("processes", "serial", "undecided"), best=["threads"])

    def test_is_the_same_again_or_what_is_as_good(self):
        for second in (self.FASTER, record(("serial", "threads", "slower"), best=["threads"]),
                       record(("threads", "serial", "undecided"), ("processes", "serial", "faster"),
                              best=["threads", "processes"]),
                       record(("threads", "serial", "negligible"), best=["threads", "processes"])):
            self.assertEqual(problems(self.FASTER, second), [])

    def test_is_not_what_cannot_be_true_as_well(self):
        self.assertEqual(problems(self.FASTER, record(("serial", "threads", "faster"), best=["serial"])),
                         ["serial is slower compared with threads, then faster", "best is threads, then serial"])
        self.assertEqual(problems(self.FASTER, record(("threads", "serial", "equivalent"), best=["threads", "serial"])),
                         ["serial is slower compared with threads, then equivalent"])
        self.assertEqual(problems(self.FASTER, record(("threads", "serial", "undecided"), best=["processes"])),
                         ["measurement 2: nothing is decided", "best is threads, then processes"])


if __name__ == "__main__":
    unittest.main()
