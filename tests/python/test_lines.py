# SPDX-License-Identifier: Apache-2.0
# What tasks print comes out in whole lines.
import unittest
from collections import Counter

from support import HostTest, needs_extension


class Lines(HostTest):
    @needs_extension
    def test_of_eight_threads_never_mix(self):
        file = self.file(
            """
            import sys, threading
            together = threading.Barrier(8)
            def prints(name):
                together.wait()
                for number in range(1000):
                    sys.stdout.write(f"thread {name} line {number}")
                    sys.stdout.write("\\n")
            """
        )
        run = self.run_host("threads", file, "prints", "{i}", tasks=8, workers=8)
        self.assertEqual(Counter(run.lines), Counter(f"thread {i} line {n}" for i in range(8) for n in range(1000)))

    @needs_extension
    def test_of_threads_that_print_pieces_to_both_streams_never_mix(self):
        file = self.file(
            """
            import sys
            def prints(name):
                for number in range(300):
                    for stream in (sys.stdout, sys.stderr):
                        print(name, end=" ", file=stream, flush=True)
                        print(number, "ends", file=stream)
            """
        )
        run = self.run_host("threads", file, "prints", "{i}", tasks=4, workers=4)
        self.assertEqual(Counter(run.lines), Counter(f"{i} {n} ends" for i in range(4) for n in range(300) for _ in "oe"))

    def test_of_coroutines_never_mix(self):
        file = self.file(
            """
            import asyncio
            async def prints(name):
                for number in range(100):
                    print(name, end=" ")
                    await asyncio.sleep(0)
                    print(number)
            """
        )
        run = self.run_host("async", file, "prints", "{i}", tasks=4)
        self.assertEqual(Counter(run.lines), Counter(f"{i} {n}" for i in range(4) for n in range(100)))

    def test_that_a_task_left_unfinished_end_with_it(self):
        file = self.file(
            """
            def prints(name): print("unfinished", name, end="", flush=True)
            """
        )
        for model in self.under_each_model():
            run = self.run_host(model, file, "prints", "{i}", tasks=3, workers=1)
            self.assertEqual(run.lines, ["unfinished 0", "unfinished 1", "unfinished 2"])

    def test_that_the_users_own_threads_left_unfinished_are_not_lost(self):
        file = self.file(
            """
            import threading
            def prints():
                thread = threading.Thread(target=lambda: print("from a thread", end=""))
                thread.start()
                thread.join()
            """
        )
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "prints").lines, ["from a thread"])

    def test_may_be_written_as_bytes(self):
        file = self.file(
            """
            import io, sys
            def prints():
                sys.stdout.buffer.write(b"bytes and ")
                print("text")
                wrapped = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", write_through=True)
                wrapped.write("wrapped\\n")
                del wrapped
                print("after")
            """
        )
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "prints").lines, ["bytes and text", "wrapped", "after"])

    @needs_extension
    def test_may_be_long(self):
        file = self.file(
            """
            def prints(i): print(str(i) * 1_000_000)
            """
        )
        run = self.run_host("threads", file, "prints", "{i}", tasks=4, workers=4)
        self.assertEqual(sorted(run.lines), [str(i) * 1_000_000 for i in range(4)])

    def test_reach_the_streams_that_plain_python_has(self):
        file = self.file(
            """
            import io, sys
            def looks():
                assert isinstance(sys.stdout, io.TextIOBase)
                sys.stdout.reconfigure(line_buffering=True)
                sys.stdout.reconfigure(encoding="latin-1", errors="replace")
                print("grüße \\u20ac".encode("latin-1", "replace").decode("latin-1") == "grüße ?")
                return [sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.fileno(), sys.stderr.fileno(),
                        sys.stdout.writable(), sys.stdout.name, sys.stderr.errors]
            """
        )
        for model in self.under_each_model():
            run = self.run_host(model, file, "looks", environment={"PYTHONUTF8": "1"})
            self.assertEqual(run.values, ["['latin-1', False, 1, 2, True, '<stdout>', 'backslashreplace']"])
            self.assertEqual(run.lines, ["True"])

    def test_refuse_what_is_not_text(self):
        file = self.file(
            """
            import sys
            def writes(): sys.stdout.write(1)
            """
        )
        for model in self.under_each_model():
            error = self.run_host(model, file, "writes").tasks[0]["error"]
            self.assertIn("TypeError: write() argument must be str, not int", error)

    def test_of_a_forked_child_come_out(self):
        file = self.file(
            """
            import os, sys
            def forks():
                child = os.fork()
                if child == 0:
                    print("child")
                    os._exit(0)
                os.waitpid(child, 0)
                print("parent")
            """
        )
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "forks").lines, ["child", "parent"])


if __name__ == "__main__":
    unittest.main()
