# SPDX-License-Identifier: Apache-2.0
# Programs that import fanout: scripts, the REPL, IPython; and what they leave behind.
import importlib.util
import os
import pty
import signal
import subprocess
import sys
import unittest

from package import ProgramTest, marked_processes, wait_until

HAS_IPYTHON = importlib.util.find_spec("IPython") is not None
HAS_CLOUDPICKLE = importlib.util.find_spec("cloudpickle") is not None
needs_cloudpickle = unittest.skipUnless(HAS_CLOUDPICKLE, "this Python has no cloudpickle")


class Scripts(ProgramTest):
    @needs_cloudpickle
    def test_functions_and_classes_of_a_script_travel_by_value(self):
        printed = self.run_program("""
            import dataclasses, fanout

            @dataclasses.dataclass
            class Point:
                x: int

            class Broken(Exception):
                pass

            def double(point):
                if point.x < 0:
                    raise Broken(point)
                return Point(2 * point.x)

            with fanout.process_pool(2) as pool:
                result = pool.submit(double, Point(21)).result()
                print(result, type(result) is Point)
                print(list(pool.map(double, [Point(1), Point(2)])))
                try:
                    pool.submit(double, Point(-1)).result()
                except Broken as error:
                    print("Broken", error)
            """)
        self.assertEqual(printed, "Point(x=42) True\n[Point(x=2), Point(x=4)]\nBroken Point(x=-1)\n")

    @needs_cloudpickle
    def test_a_function_is_sent_with_what_its_globals_are_when_it_is_submitted(self):
        printed = self.run_program("""
            import fanout

            base = 1

            def f(x):
                return x + base

            with fanout.process_pool(1) as pool:
                print(pool.submit(f, 0).result())
                base = 10
                print(pool.submit(f, 0).result(), list(pool.map(f, [1, 2])))
            """)
        self.assertEqual(printed, "1\n10 [11, 12]\n")

    def test_without_cloudpickle_the_error_names_the_package(self):
        printed = self.run_program("""
            import sys
            sys.modules["cloudpickle"] = None
            import fanout

            def f():
                pass

            with fanout.process_pool(1) as pool:
                try:
                    pool.submit(f)
                except Exception as error:
                    print(type(error).__name__, error)
                print(pool.submit(len, "abc").result())
            """)
        self.assertRegex(printed, "^PicklingError .*install python3-cloudpickle.*\n3\n$")

    def test_the_script_itself_is_not_run_again(self):
        printed = self.run_program("""
            import fanout, math
            print("begins")
            pool = fanout.process_pool(2)
            print(list(pool.map(math.sqrt, [4.0, 9.0])))
            """)
        self.assertEqual(printed, "begins\n[2.0, 3.0]\n")

    @needs_cloudpickle
    def test_what_tasks_print_is_out_when_they_have_ended(self):
        printed = self.run_program("""
            import fanout, sys

            def speak(x):
                print("task", x)

            with fanout.process_pool(1) as pool:
                for x in range(3):
                    pool.submit(speak, x).result()
                    print("after", x, flush=True)
            """)
        self.assertEqual(printed, "".join(f"task {x}\nafter {x}\n" for x in range(3)))

    @needs_cloudpickle
    def test_exit_functions_of_workers_run(self):
        printed = self.run_program("""
            import fanout

            def prepare():
                import atexit
                atexit.register(print, "a worker leaves")

            with fanout.process_pool(1) as pool:
                pool.submit(prepare).result()
            """)
        self.assertEqual(printed, "a worker leaves\n")


class Metadata(ProgramTest):
    def test_says_which_version_it_is(self):
        printed = self.run_program("""
            import fanout, importlib.metadata
            print(fanout.__version__, importlib.metadata.version("fanout"))
            """)
        self.assertRegex(printed, r"^(\d+\.\d+\.\d+) \1\n$")


class Ends(ProgramTest):
    """tearDown looks for what is left."""

    @needs_cloudpickle
    def test_forgotten_pools_run_what_was_submitted_and_end_with_the_program(self):
        done = os.path.join(self.folder, "done")
        printed = self.run_program("""
            import concurrent.futures, fanout, sys

            def write(path, text):
                with open(path, "a") as file:
                    file.write(text)

            processes, threads = fanout.process_pool(1), fanout.thread_pool(1)
            served = fanout.process_pool(1)
            concurrent.futures.wait([served.submit(len, "")])
            processes.submit(write, sys.argv[1], "p")
            processes.submit(write, sys.argv[1], "q")
            threads.submit(print, "on a thread")
            """, done)
        self.assertEqual(printed, "on a thread\n")
        with open(done) as file:
            self.assertEqual(file.read(), "pq")

    def test_a_shutdown_that_nobody_waited_for_has_ended_before_the_program(self):
        self.run_program("""
            import fanout
            pool = fanout.process_pool(2)
            futures = [pool.submit(pow, 3, x) for x in range(100)]
            pool.shutdown(wait=False)
            """)

    def test_a_pool_has_the_folder_and_the_environment_of_when_it_was_made(self):
        printed = self.run_program("""
            import fanout, os, sys
            def where(): return os.getcwd(), os.environ["COLOUR"]
            os.chdir("/")
            os.environ["COLOUR"] = "red"
            with fanout.process_pool(1) as first:
                print(first.submit(where).result())
                os.chdir("/usr")
                os.environ["COLOUR"] = "blue"
                with fanout.process_pool(1) as second:
                    print(second.submit(where).result())
            """)
        self.assertEqual(printed, "('/', 'red')\n('/usr', 'blue')\n")

    def test_names_that_a_function_uses_may_come_and_go(self):
        printed = self.run_program("""
            import fanout
            def use():
                try: return "a", a
                except NameError: return "b", b
            with fanout.process_pool(1) as pool:
                a = 5
                print(pool.submit(use).result())
                del a
                b = 5
                print(pool.submit(use).result())
                b = 0.0
                print(pool.submit(use).result())
                b = -0.0
                print(pool.submit(use).result())
            """)
        self.assertEqual(printed, "('a', 5)\n('b', 5)\n('b', 0.0)\n('b', -0.0)\n")

    def test_a_program_with_a_long_command_has_pools(self):
        printed = self.run_program("""
            import fanout, sys
            with fanout.process_pool(2) as pool:
                print(pool.submit(lambda: len(sys.argv)).result())
            """, *map(str, range(30_000)))
        self.assertEqual(printed, "30001\n")

    def test_an_exception_in_the_program_ends_the_pool(self):
        process = self.start("""
            import fanout
            pool = fanout.process_pool(2)
            pool.submit(pow, 2, 3).result()
            raise SystemExit(5)
            """)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 5)

    def test_a_killed_program_leaves_nothing(self):
        for start in ("forkserver", "fork"):
            with self.subTest(start):
                process = self.start(f"""
                    import fanout, time
                    pool = fanout.process_pool(2, start={start!r})
                    tasks = [pool.submit(time.sleep, 1000) for _ in range(4)]
                    print("ready", flush=True)
                    tasks[0].result()
                    """)
                self.assertEqual(process.stdout.readline(), "ready\n")
                wait_until(lambda: len(marked_processes(self.mark)) == 4, "the program, the nanny and two workers")
                process.kill()
                process.communicate(timeout=60)
                self.assertEqual(process.returncode, -signal.SIGKILL)
                wait_until(lambda: not marked_processes(self.mark), "the end of all processes")

    def test_ctrl_c_ends_a_wait_and_the_workers(self):
        for how in ("with fanout.process_pool(1) as pool:", "pool = fanout.process_pool(1)\nif True:"):
            with self.subTest(how):
                process = self.start(f"""
import fanout, time
{how}
    task = pool.submit(time.sleep, 1000)
    print("ready", flush=True)
    task.result()
""")
                self.assertEqual(process.stdout.readline(), "ready\n")
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=60)
                self.assertTrue(errors.endswith("KeyboardInterrupt\n"), errors)


@needs_cloudpickle
class Interactive(ProgramTest):
    def session(self, program, lines, prompt):
        """What a program shows on a terminal on which these lines are typed, each at a prompt."""
        controller, terminal = pty.openpty()
        process = subprocess.Popen(program, env=self.environment(), cwd=self.folder, stdin=terminal, stdout=terminal, stderr=terminal,
                                   start_new_session=True)
        os.close(terminal)
        shown = b""
        try:
            for line in lines:
                begin = len(shown)
                while prompt not in shown[begin:]:
                    shown += os.read(controller, 65536)
                os.write(controller, line.encode() + b"\n")
                shown += b"\x00"
            while True:
                try:
                    piece = os.read(controller, 65536)
                except OSError:  # EIO: the program has ended
                    break
                if not piece:
                    break
                shown += piece
        finally:
            os.close(controller)
            process.kill()
            process.wait()
        return shown.decode().replace("\r\n", "\n").replace("\x00", "")

    def test_functions_of_the_repl_travel_by_value(self):
        shown = self.session(
            [sys.executable, "-B", "-q"],
            ["import fanout", "f = lambda x: 1000 + x", "pool = fanout.process_pool(2)", "list(pool.map(f, range(3)))", "exit()"],
            b">>> ",
        )
        self.assertIn("[1000, 1001, 1002]", shown)

    def test_compare_in_the_repl_shows_a_table(self):
        shown = self.session(
            [sys.executable, "-B", "-q"],
            ["import fanout", "f = lambda n: sum(range(n))", "fanout.compare(f, (1000,), models=['serial', 'threads'], rounds=1)", "exit()"],
            b">>> ",
        )
        self.assertRegex(shown, r"function\.py:function\(1000\)")
        self.assertRegex(shown, r"(?m)^.*serial .*\d")

    @unittest.skipUnless(HAS_IPYTHON, "this Python has no IPython")
    def test_cells_of_ipython_travel_by_value_and_can_be_compared(self):
        script = self.file("""
            from IPython.core.interactiveshell import InteractiveShell
            shell = InteractiveShell.instance()
            shell.run_cell("import fanout\\ndef cube(x):\\n    return x ** 3")
            shell.run_cell("with fanout.process_pool(2) as pool:\\n    cubes = list(pool.map(cube, range(4)))")
            shell.run_cell("%load_ext fanout")
            outcome = shell.run_cell("%compare --models serial,processes cube(10) --rounds 1")
            print(shell.user_ns["cubes"])
            print([entry["model"] for entry in outcome.result.record["runs"]], outcome.result.record["workload"]["result"])
            print("<table>" in outcome.result._repr_html_())
            """)
        done = subprocess.run([sys.executable, "-B", script], env={**self.environment(), "IPYTHONDIR": os.path.join(self.folder, "ipython")},
                              cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("[0, 1, 8, 27]\n", done.stdout)
        self.assertIn("{'type': 'int', 'value': '1000'}", done.stdout)
        self.assertTrue(done.stdout.endswith("True\n"), done.stdout)


if __name__ == "__main__":
    unittest.main()
