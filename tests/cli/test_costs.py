# SPDX-License-Identifier: Apache-2.0
"""fanout costs: the whole of it once, on terminals and as JSON that is as its schema says."""

import json
import os
import unittest

import jsonschema

from test_explain import closed
from tool import SOURCE, ToolTest, signal, wait_until


class Costs(ToolTest):
    def test_as_json_and_as_the_schema_says(self):
        with open(os.path.join(SOURCE, "schema", "fanout-costs-1.json")) as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        done = self.run_tool("costs", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        document = json.loads(done.stdout_text)
        jsonschema.Draft202012Validator(schema).validate(document)
        jsonschema.Draft202012Validator(closed(schema)).validate(document)
        costs = {cost["id"]: cost for cost in document["costs"]}
        for cost in costs.values():
            if cost["status"] == "ok":
                self.assertLessEqual(cost["ci"]["lo"], cost["median"])
                self.assertGreaterEqual(cost["ci"]["hi"], cost["median"])
                self.assertTrue("of" in cost or len(cost["samples"]) >= 11)
        missing = {name: cost["reason"] for name, cost in costs.items() if cost["status"] != "ok"}
        two_cpus = len(os.sched_getaffinity(0)) > 1
        self.assertEqual(missing, {} if two_cpus else {"switch.threads.two_cpus": "one CPU"})
        self.assertEqual(costs["memory.thread.reserved"]["claim"]["verdict"], "confirmed")
        self.assertEqual(done.stderr_text.splitlines(), ["measuring switching", "measuring memory",
                                                         "measuring starting", "measuring handing over"])

    def test_interrupted_it_leaves_nothing_behind(self):
        process = self.start("costs")
        wait_until(lambda: self.processes_of(process), "a measurement")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (130, ""))
        self.assertIn("fanout: interrupted", err)

    def test_an_unknown_format_and_an_unknown_cost(self):
        self.assertIn("--format is table or json, not 'csv'", self.run_tool("costs", "--format", "csv").stderr_text)
        self.assertIn("no cost 'switch'", self.run_tool("__cost", "switch").stderr_text)


class OneCost(ToolTest):
    def test_is_measured_in_a_process_of_its_own(self):
        done = self.run_tool("__cost", "switch.coroutines", "--batches", "3")
        self.assertEqual(done.returncode, 0, done.stderr_text)
        self.assertEqual(len(json.loads(done.stdout_text)["values"]), 3)

    def test_of_two_cpus_says_so_if_there_is_one(self):
        cpu = min(os.sched_getaffinity(0))
        done = self.run_tool("__cost", "switch.threads.two_cpus", preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        self.assertEqual(json.loads(done.stdout_text), {"reason": "one CPU"})


if __name__ == "__main__":
    unittest.main()
