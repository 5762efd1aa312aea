# SPDX-License-Identifier: Apache-2.0
"""`fanout explain` shows what the run showed, from its record alone; and records are what the schema says."""

import csv
import io
import json
import os
import unittest

from tool import HOSTS_PYTHON, SOURCE, ToolTest

try:
    import jsonschema
except ImportError:
    jsonschema = None


class Explain(ToolTest):
    def path(self, name):
        return os.path.join(self.folder.name, name)

    def compared(self, *args):
        """A comparison with its record in record.json; and nothing beside it."""
        done = self.run_tool("compare", *args, "--export-json", "record.json")
        self.assertNotIn("record.json.part", os.listdir(self.folder.name))
        return done

    def assert_explained(self, *args, code=0):
        """Both print the same, but for progress and what tasks print."""
        ran = self.compared(*args)
        explained = self.run_tool("explain", "record.json")
        self.assertEqual((ran.returncode, explained.returncode), (code, code), ran.stderr_text + explained.stderr_text)
        self.assertEqual(explained.stdout_text, ran.stdout_text)
        self.assertTrue(ran.stderr_text.endswith(explained.stderr_text), explained.stderr_text)
        with open(self.path("record.json")) as file:
            self.assertEqual(self.run_tool("explain", "record.json", "--format", "json").stdout_text, file.read())
        return explained

    def test_a_verdict(self):
        explained = self.assert_explained("sleep:0.05", "--rounds", "3", "--models", "serial,async,threads")
        self.assertIn("times as fast as serial", " ".join(explained.stdout_text.split()))

    def test_rounds_that_were_not_fixed(self):
        self.assert_explained("cpu:20000", "--rounds", "auto", "--tasks", "3", "--budget", "5s")
        self.assert_explained("cpu:20000", "--budget", "1ms", "--warmup", "0")

    def test_one_model_alone(self):
        self.assert_explained("cpu:1000", "--models", "async", "--rounds", "1")

    def test_a_model_that_failed(self):
        explained = self.assert_explained("sleep:1", "--models", "serial,async", "--timeout", "4s", "--rounds", "1",
                                          "--warmup", "0", code=1)
        self.assertIn("serial failed: no result after 4 s", explained.stderr_text)

    @unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
    def test_python_functions_that_fail_and_differ(self):
        self.write_file("tasks.py", "import threading\n"
                        "def main(): return threading.current_thread() is threading.main_thread()\n"
                        "def fails(i):\n"
                        "    if i and not main(): raise ValueError('not here')\n"
                        "    return ['any', 'value', 1]\n")
        self.assert_explained("tasks.py:fails", "--arg", "{i}", "--rounds", "2", code=1)
        explained = self.assert_explained("tasks.py:main", "--models", "serial,threads", "--rounds", "1", code=5)
        self.assertIn("no verdict: the models' results differ", explained.stdout_text)

    @unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
    def test_nothing_that_could_be_measured(self):
        self.write_file("tasks.py", "def task(): pass\n")
        self.assert_explained("tasks.py:task", "--python", "/nonexistent/python", code=1)

    def test_the_notebook(self):
        explained = self.assert_explained("--rounds", "1", "--tasks", "1", "--models", "async", "--warmup", "0")
        self.assertIn("1/4 waits, native", explained.stdout_text)
        self.assertIn("In short", explained.stdout_text)

    def test_a_scan(self):
        explained = self.assert_explained("sleep:0.05", "--tasks", "1,10", "--workers", "2", "--models", "serial,async",
                                          "--rounds", "3")
        self.assertRegex(explained.stdout_text, r"(?m)^ tasks  workers +serial +async$")
        self.assertRegex(explained.stdout_text, r"(?m)^    10        2 +\d\S+ ms +\d\S+ ms ✔$")
        self.assertRegex(explained.stdout_text, r"(?m)^ ✔ best: .*\basync (from 10|everywhere)$")
        for format, begin in (("csv", "work,tasks,"), ("md", "### sleep:0.05: 2 points × 2 models")):
            self.assertTrue(self.run_tool("explain", "record.json", "--format", format).stdout_text.startswith(begin))

    def test_what_json_format_prints_can_be_explained(self):
        done = self.run_tool("compare", "cpu:1000", "--rounds", "2", "--format", "json")
        self.write_file("printed.json", done.stdout_text)
        explained = self.run_tool("explain", "printed.json")
        self.assertEqual(explained.returncode, 0, explained.stderr_text)
        self.assertIn("every model returned 332833500 ✔", explained.stdout_text)

    def test_an_export_replaces_a_file_when_it_is_complete(self):
        self.write_file("record.json", "old")
        self.assertEqual(self.run_tool("compare", "missing.py:f", "--export-json", "record.json").returncode, 2)
        with open(self.path("record.json")) as file:
            self.assertEqual(file.read(), "old")
        self.assertEqual(os.listdir(self.folder.name), ["record.json"])
        os.symlink("record.json", self.path("link.json"))
        self.assertEqual(self.run_tool("compare", "cpu:10", "--rounds", "1", "--export-json", "link.json").returncode, 0)
        self.assertTrue(os.path.islink(self.path("link.json")))
        with open(self.path("record.json")) as file:
            self.assertEqual(json.load(file)["workload"]["spec"], "cpu:10")

    def test_an_export_to_what_is_no_file(self):
        done = self.run_tool("compare", "cpu:10", "--rounds", "1", "--export-json", "/dev/stderr")
        self.assertEqual(done.returncode, 0)
        record = done.stderr_text[done.stderr_text.index("{"):]  # progress is before it, after a second
        self.assertEqual(json.loads(record)["workload"]["spec"], "cpu:10")

    def test_an_export_that_cannot_be_written_is_refused_before_anything_runs(self):
        for path, reason in (("no/such/folder.json", "No such file or directory"), (".", "it is a directory")):
            done = self.run_tool("compare", "sleep:60", "--export-json", path)
            self.assertEqual((done.returncode, done.stdout_text), (2, ""))
            self.assertEqual(done.stderr_text, f"fanout: cannot write {path}: {reason}\n")


class Judged(ToolTest):
    """--assert, --strict and formats, of a run and of its record."""

    WORK = ("sleep:0.05", "--models", "serial,async", "--tasks", "10", "--rounds", "3")  # ten times: no matter how busy

    def both(self, *options):
        """The exit code, stdout and stderr, which are the same of both."""
        compared = self.run_tool("compare", *self.WORK, "--export-json", "record.json", *options)
        explained = self.run_tool("explain", "record.json", *options)
        self.assertEqual((explained.returncode, explained.stdout_text), (compared.returncode, compared.stdout_text))
        self.assertTrue(compared.stderr_text.endswith(explained.stderr_text), compared.stderr_text)
        return explained.returncode, explained.stdout_text, explained.stderr_text

    def test_what_is_shown_is_asserted(self):
        code, out, err = self.both("--assert", "async < 0.5*serial", "--assert", "serial > 2*async")
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r" ✔ async < 0\.5\*serial: async takes 0\.[\d]+ times as long as serial \(0\.\d+ to 0\.\d+\)\n")
        self.assertIn(" ✔ serial > 2*async: async takes 0.", out)

    def test_what_is_false_has_exit_code_4(self):
        code, out, err = self.both("--assert", "async < 0.5*serial", "--assert", "serial < async")
        self.assertEqual(code, 4)
        self.assertIn("✔ async < 0.5*serial", out)
        self.assertIn("✘ serial < async is false: serial takes ", out)
        self.assertRegex(err, r"\Afanout: --assert: serial < async is false: serial takes [\d.]+ times[^\n]+\n\Z")

    def test_what_was_not_measured_cannot_be_asserted(self):
        code, out, err = self.both("--assert", "processes < serial", "--format", "json")
        self.assertEqual((code, json.loads(out)["seed"] >= 0), (4, True))
        self.assertEqual(err, "fanout: --assert: processes < serial cannot be judged: processes was not measured\n")

    def test_strict_asks_for_a_decision(self):
        self.assertEqual(self.both("--strict")[0], 0)
        one_round = ("compare", *self.WORK[:-1], "1")
        self.assertEqual(self.run_tool(*one_round, "--strict").returncode, 3)
        self.assertEqual(self.run_tool(*one_round).returncode, 0)
        self.assertEqual(self.run_tool(*one_round, "--strict", "--assert", "async < serial").returncode, 4)

    def test_csv_has_a_line_for_each_model(self):
        code, out, _ = self.both("--format", "csv")
        rows = list(csv.DictReader(io.StringIO(out)))
        self.assertEqual([(row["model"], row["rank"], row["status"]) for row in rows],
                         [("async", "1", "ok"), ("serial", "2", "ok")])
        self.assertGreaterEqual(float(rows[0]["median_s"]), 0.05)
        self.assertEqual((code, rows[0]["work"], rows[0]["error"]), (0, "sleep:0.05", ""))

    def test_markdown_has_table_and_verdict(self):
        code, out, _ = self.both("--format", "md")
        self.assertEqual(code, 0)
        self.assertTrue(out.startswith("### sleep:0.05 × 10\n\n"), out)
        self.assertIn("\n| rank | model | wall |", out)
        self.assertRegex(out, r"(?m)^- ✔ async is best: \d+\.\d+ times as fast as serial \\\[[\d.]+–[\d.]+\\\]$")

    def test_the_notebook_in_csv_and_markdown(self):
        options = ("--rounds", "1", "--tasks", "1", "--models", "async", "--warmup", "0")
        done = self.run_tool("compare", *options, "--format", "csv", "--export-json", "record.json")
        self.assertEqual(done.stdout_text.count("\n"), 5, done.stdout_text)
        self.assertEqual(self.run_tool("explain", "record.json", "--format", "csv").stdout_text, done.stdout_text)
        markdown = self.run_tool("explain", "record.json", "--format", "md").stdout_text
        self.assertEqual(markdown.count("\n### ") + markdown.startswith("### "), 4)
        for command in (("compare",), ("explain", "record.json")):
            refused = self.run_tool(*command, "--assert", "async < serial")
            self.assertEqual((refused.returncode, refused.stdout_text), (2, ""))
            self.assertIn("--assert needs one comparison", refused.stderr_text)


class BadRecords(ToolTest):
    def refused(self, *args):
        done = self.run_tool("explain", *args)
        self.assertEqual((done.returncode, done.stdout_text), (2, ""))
        self.assertEqual(done.stderr_text.count("\n"), 1, done.stderr_text)
        return done.stderr_text

    def test_no_file(self):
        self.assertIn("fanout: which record? fanout explain FILE.json", self.refused())
        self.assertIn("fanout: cannot read missing.json: No such file or directory", self.refused("missing.json"))
        self.assertIn("fanout: . is a directory", self.refused("."))
        self.assertIn("b.json", self.refused("a.json", "b.json"))
        self.assertIn("--bogus; see fanout explain --help", self.refused("--bogus"))

    def test_no_json(self):
        self.write_file("bad.json", '{"fanout": "0.1",\n  "seed": }\n')
        message = self.refused("bad.json")
        self.assertIn("fanout: bad.json: is not JSON: line 2, column 11: ", message)
        self.assertIn("fanout compare --export-json", message)
        self.write_file("empty.json", "")
        self.assertIn("empty.json: is not JSON", self.refused("empty.json"))

    def test_no_record(self):
        for text, problem in (("{}", 'the document is not a record of fanout compare: it has no "$schema"'),
                              ('{"comparisons": []}', "/comparisons is not a list of records"),
                              ('{"points": []}', "/points is not a list of records"),
                              ('{"points": [{}]}', "/points/0 is not a record of fanout compare"),
                              ('{"comparisons": [{}]}', "/comparisons/0 is not a record of fanout compare"),
                              ('{"$schema": "fanout-result-9.json"}', "this version reads fanout-result-1.json")):
            self.write_file("bad.json", text)
            self.assertIn(problem, self.refused("bad.json"))
            os.remove(os.path.join(self.folder.name, "bad.json"))

    def test_a_record_that_was_changed(self):
        record = self.compare_json("cpu:1000", "--rounds", "2")
        del record["runs"][1]["wall_s"]
        self.write_file("changed.json", json.dumps(record))
        self.assertIn("changed.json: /runs/1/wall_s is missing; ", self.refused("changed.json"))


@unittest.skipUnless(jsonschema, "needs the Python package jsonschema (Debian: python3-jsonschema)")
class Schema(ToolTest):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(SOURCE, "schema", "fanout-result-1.json")) as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.schema = jsonschema.Draft202012Validator(schema)
        cls.closed = jsonschema.Draft202012Validator(closed(schema))

    def assert_valid(self, document):
        self.schema.validate(document)
        self.closed.validate(document)  # and every key is described

    def test_records_are_as_the_schema_says(self):
        for args, code in ((("cpu:1000", "--budget", "5s"), 0), (("sleep:0.01", "--rounds", "8"), 0), (("cpu:1000", "--rounds", "1"), 0),
                           (("cpu:1000", "--reference", "async", "--budget", "1ms"), 0), (("sleep:1", "--timeout", "200ms"), 1)):
            self.assert_valid(self.compare_json(*args, expected_code=code))

    @unittest.skipUnless(HOSTS_PYTHON, "this build has no Python extension")
    def test_records_of_python_functions_are(self):
        self.write_file("tasks.py", "import threading\n"
                        "def task(i):\n    return {'i': i}\n"
                        "def fails(i):\n    raise ValueError(i)\n"
                        "def differs():\n    return threading.current_thread() is threading.main_thread()\n")
        for args, code in ((("tasks.py:task", "--arg", "{i}"), 0), (("tasks.py:fails", "--arg", "{i}"), 1),
                           (("tasks.py:differs",), 5), (("tasks.py:differs", "--python", "/nonexistent"), 1)):
            self.assert_valid(self.compare_json(*args, "--rounds", "2", expected_code=code))

    def test_those_of_the_notebook_are(self):
        self.assert_valid(self.compare_json("--rounds", "1", "--tasks", "1", "--models", "async", "--warmup", "0"))

    def test_those_of_scans_are(self):
        self.assert_valid(self.compare_json("cpu:1000", "--rounds", "1", "--tasks", "1,2", "--workers", "1..2"))

    def test_what_hyperfine_has_is_there(self):
        for result in self.compare_json("cpu:1000", "--rounds", "3")["results"]:
            self.assertLessEqual({"command", "mean", "stddev", "median", "user", "system", "min", "max", "times",
                                  "exit_codes"}, set(result))
            self.assertEqual((len(result["times"]), result["exit_codes"]), (3, [0, 0, 0]))

    def test_the_schema_notices_what_is_wrong(self):
        record = self.compare_json("cpu:1000", "--rounds", "1")
        for change in (lambda r: r.pop("plan"), lambda r: r["runs"][0].pop("wall_s"),
                       lambda r: r["pairs"][0].update(verdict="better"), lambda r: r["plan"].update(alpha="5%")):
            changed = json.loads(json.dumps(record))
            change(changed)
            self.assertFalse(self.schema.is_valid(changed))


def closed(schema):
    """The schema with no keys allowed but those it describes."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        result["additionalProperties"] = False
    return result


if __name__ == "__main__":
    unittest.main()
