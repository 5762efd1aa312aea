# SPDX-License-Identifier: Apache-2.0
# Arguments in, values out.
import os
import unittest
from hashlib import sha256
from importlib.util import find_spec

from support import MODELS, HostTest

IN_ONE_PROCESS = [model for model in MODELS if not model.startswith("processes")]


class Values(HostTest):
    def returned(self, model, expression, definitions=""):
        """(type, value) of a task that returns the expression."""
        file = self.file(f"{definitions}\ndef work(): return {expression}")
        task = self.run_host(model, file, "work").tasks[0]
        self.assertTrue(task["ok"], task)
        return task["type"], task["value"]

    def assert_returned(self, expression, kind, value, definitions=""):
        for model in self.under_each_model():
            self.assertEqual(self.returned(model, expression, definitions), (kind, value))

    def test_integers_of_any_size_are_exact(self):
        self.assert_returned("-(2**64)", "int", "-18446744073709551616")
        self.assert_returned("10**20000 + 7", "int", "1" + "0" * 19999 + "7")

    def test_floats_are_exact(self):
        self.assert_returned("0.1 + 0.2", "float", 0.30000000000000004)
        self.assert_returned("-float('inf')", "float", "-inf")
        self.assert_returned("float('nan')", "float", "nan")

    def test_strings_are_themselves(self):
        self.assert_returned(r"'grüße \u20ac \0 \"\n'", "str", 'grüße \u20ac \0 "\n')

    def test_strings_that_are_not_unicode_are_escaped(self):
        self.assert_returned(r"'a\udc80b'", "str", "a\\udc80b")

    def test_are_those_of_the_file_as_it_is_now(self):
        environment = {"PYTHONDONTWRITEBYTECODE": None}
        for model in self.under_each_model():
            for value in ("1", "2"):  # the same size at the same time
                file = self.file(f"def work(): return {value}")
                self.assertEqual(self.run_host(model, file, "work", environment=environment).values, [value])
            self.assertEqual(os.listdir(self.folder), ["work.py"])

    def test_none_and_booleans_are_themselves(self):
        self.assert_returned("None", "none", None)
        self.assert_returned("True", "bool", True)

    def test_all_else_is_its_repr(self):
        self.assert_returned("[1, 2.5, 'x', None, (1,), b'y']", "list", "[1, 2.5, 'x', None, (1,), b'y']")
        self.assert_returned("__import__('fractions').Fraction(1, 3)", "Fraction", "Fraction(1, 3)")
        self.assert_returned("[10**5000]", "list", "[1" + "0" * 5000 + "]")

    def test_what_shows_its_memory_is_not_taken_for_bytes(self):
        self.assert_returned("bytearray(b'x')", "bytearray", "bytearray(b'x')")
        expression = "{'a': [bytearray(b'x'), __import__('array').array('d', [0.5])]}"
        self.assert_returned(expression, "dict", "{'a': [bytearray(b'x'), array('d', [0.5])]}")

    def test_subclasses_of_plain_types_are_themselves(self):
        definitions = "import collections, signal\nPoint = collections.namedtuple('Point', 'x')"
        self.assert_returned("[Point(1), signal.SIGINT]", "list", "[Point(x=1), <Signals.SIGINT: 2>]", definitions)

    def test_an_array_of_which_the_text_shows_a_part_is_told_from_others(self):
        digest = sha256(bytes(range(100))).hexdigest()
        definition = "import array\nclass Array(array.array):\n    def __repr__(self): return '[0 ... 99]'"
        text = f"[0 ... 99] (shape (100,), format B, SHA-256 {digest})"
        self.assert_returned("[Array('B', range(100))]", "list", f"[{text}]", definition)

    @unittest.skipUnless(find_spec("numpy"), "needs numpy")
    def test_arrays_of_numpy_are(self):
        for expression in ("numpy.arange(6.).reshape(2, 3)", "numpy.float64(0.1)", "numpy.arange(5000)", "[numpy.zeros(5000)]", "numpy.array([None])"):
            values = {self.returned(model, f"__import__('numpy') and (lambda numpy: {expression})(__import__('numpy'))") for model in self.under_each_model()}
            self.assertEqual(len(values), 1)

    def test_objects_come_back_as_what_they_are(self):
        file = self.file(
            """
            import array
            class Point:
                def __init__(self, x): self.x = x
                def __repr__(self): return f"Point({self.x}), made of {self.__class__.__module__}"
            class Fragile:
                def __reduce__(self): return broken, ()
            def broken(): raise RuntimeError("cannot be made again")
            def point(): return [Point(1), array.array("d", [0.5])]
            def fragile(): return Fragile()
            """
        )
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "point").values, ["[Point(1), made of work, array('d', [0.5])]"])
            fragile = self.run_host(model, file, "fragile").tasks[0]
            reason = "result that was pickled, but cannot be unpickled: RuntimeError: cannot be made again"
            self.assertEqual(fragile.get("summary"), reason if model.startswith("processes") else None)

    def test_what_cannot_be_pickled_fails_its_task_where_it_would_have_to_be(self):
        file = self.file(
            """
            import sys
            class Stubborn:
                def __reduce__(self): raise RuntimeError("stays here")
                def __repr__(self): return "Stubborn()"
            class Leaving(Stubborn):
                def __reduce__(self): sys.exit(3)
            def generator(): yield
            def work(i): return (i, generator(), [memoryview(b"x")], Stubborn(), Leaving())[i]
            """
        )
        values = ["0", "<generator object generator at 0x…>", "[<memory at 0x…>]", "Stubborn()", "Stubborn()"]
        reasons = {  # of which Python's own differ in their wording
            1: ("generator", "TypeError: cannot pickle .*generator"),
            2: ("list", "TypeError: cannot pickle .*memoryview"),
            3: ("Stubborn", "RuntimeError: stays here$"),
            4: ("Leaving", "SystemExit: 3$"),
        }
        for model in self.under_each_model():
            run = self.run_host(model, file, "work", "{i}", tasks=5)
            if model in IN_ONE_PROCESS:
                self.assertEqual(run.values, values)
                continue
            self.assertEqual([task["ok"] for task in run.tasks], [True, False, False, False, False])
            for i, (kind, reason) in reasons.items():
                summary = run.tasks[i]["summary"]
                self.assertRegex(summary, rf"^unpicklable result \({kind}\): {reason}")
                self.assertEqual(run.tasks[i]["error"].splitlines()[0], summary)
            self.assertEqual(run.tasks[1]["error"], run.tasks[1]["summary"])
            self.assertIn(", in __reduce__", run.tasks[3]["error"])

    def test_equal_values_have_equal_text(self):
        self.assert_returned("[{'b', 'a', 'c'}, {}]", "list", "[{'a', 'b', 'c'}, {}]")
        self.assert_returned("({'z': {'y', 'x'}, 'a': 1},)", "tuple", "({'a': 1, 'z': {'x', 'y'}},)")
        self.assert_returned("frozenset('cab')", "frozenset", "frozenset({'a', 'b', 'c'})")
        self.assert_returned("[{'k': object()}]", "list", "[{'k': <object object at 0x…>}]")

    def test_objects_without_a_text_of_their_own_are_what_they_hold(self):
        definition = (
            "class Found:\n    def __init__(self, **held): self.__dict__.update(held)\n"
            "class Point:\n    __slots__ = 'x', 'y'\n    def __init__(self, x, y): self.x, self.y = x, y"
        )
        self.assert_returned("Found(words={'b', 'a'}, at=Point(1, 2))", "Found",
                             "<Found {'at': <Point (None, {'x': 1, 'y': 2})>, 'words': {'a', 'b'}}>", definition)
        self.assert_returned("[Found(n=1), Found(n=2)]", "list", "[<Found {'n': 1}>, <Found {'n': 2}>]", definition)
        self.assert_returned("Found()", "Found", "<work.Found object at 0x…>", definition)

    def test_objects_that_hold_many_times_the_same_have_a_short_text(self):
        definition = (
            "class Two:\n    def __init__(self, one): self.a = self.b = one\n"
            "def chain(n, last):\n    for _ in range(n): last = Two(last)\n    return last"
        )
        texts = [self.returned("serial", f"chain(40, {last})", definition)[1] for last in (1, 1, 2)]
        self.assertLess(len(texts[0]), 10_000)
        self.assertEqual(texts[0], texts[1])
        self.assertNotEqual(texts[0], texts[2])

    def test_addresses_in_a_text_do_not_count(self):
        file = self.file("import weakref\nclass A: pass\na = A()\ndef work(): return weakref.ref(a)")
        self.assertEqual(self.run_host("serial", file, "work").tasks[0]["value"], "<weakref at 0x…; to 'A' at 0x…>")

    def test_objects_that_hold_themselves_or_cannot_be_taken_apart_are_their_type(self):
        definition = (
            "class Node:\n    def __init__(self): self.next = self\n"
            "class Closed:\n    def __reduce_ex__(self, _): raise TypeError('no')"
        )
        self.assert_returned("Node()", "Node", "<work.Node object at 0x…>", definition)
        self.assertEqual(self.returned("serial", "Closed()", definition), ("Closed", "<work.Closed object at 0x…>"))

    def test_a_container_that_contains_itself_has_a_text(self):
        self.assert_returned("(lambda d: d.update(self=d) or d)({})", "dict", "{'self': {...}}")

    def test_a_value_without_a_text_says_so(self):
        definition = "class Odd:\n    def __repr__(self): return 1 / 0"
        self.assert_returned("Odd()", "Odd", "<Odd whose repr() raised ZeroDivisionError>", definition)
        definition = "class Leaving:\n    def __repr__(self): exit(3)"
        self.assert_returned("Leaving()", "Leaving", "<Leaving whose repr() raised SystemExit>", definition)

    def test_a_long_text_is_shortened_to_what_tells_it_from_others(self):
        digest = sha256(b"x" * 200_000).hexdigest()
        self.assert_returned("'x' * 200_000", "str", f"{'x' * 1000}… (200000 characters, SHA-256 {digest})")


class Arguments(HostTest):
    def seen(self, *texts, tasks=1):
        file = self.file("def work(*arguments): return repr(arguments)")
        return self.run_host("serial", file, "work", *texts, tasks=tasks).values

    def test_are_python_literals(self):
        self.assertEqual(self.seen("10_000", "-3", "1.5", "'x'", "(1, [2])", "None", "0x10"), ["(10000, -3, 1.5, 'x', (1, [2]), None, 16)"])

    def test_or_json(self):
        self.assertEqual(self.seen("true", "null", '{"a": [false]}'), ["(True, None, {'a': [False]})"])

    def test_or_plain_text(self):
        self.assertEqual(self.seen("hello", "", "007", "NaN", "a=b", "--model=x"), ["('hello', '', '007', 'NaN', 'a=b', '--model=x')"])

    def test_may_hold_the_number_of_the_task(self):
        self.assertEqual(self.seen("{i}", "page-{i}", tasks=2), ["(0, 'page-0')", "(1, 'page-1')"])

    def test_may_be_integers_of_any_size(self):
        file = self.file("def work(n): return n + 1")
        self.assertEqual(self.run_host("serial", file, "work", "9" * 5000).values, ["1" + "0" * 5000])

    def test_of_any_kind_reach_every_model(self):
        file = self.file("def work(*arguments): return repr(arguments)")
        for model in self.under_each_model():
            run = self.run_host(model, file, "work", "{1: 'x'}", "b'y'", "1j", "{2}")
            self.assertEqual(run.values, ["({1: 'x'}, b'y', 1j, {2})"])


if __name__ == "__main__":
    unittest.main()
