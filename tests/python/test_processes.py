# SPDX-License-Identifier: Apache-2.0
# What sets the models apart whose workers are processes.
import os
import subprocess
import sys
import tempfile
import unittest
import uuid

from support import HOST, HostTest, Run, marked_processes, needs_extension, wait_until


@needs_extension
class Processes(HostTest):
    def test_run_at_the_same_time_in_workers_of_their_own(self):
        file = self.file(
            """
            import os, pathlib, time
            folder = pathlib.Path(__file__).parent
            def meets(i, count):
                (folder / f"here{i}").touch()
                while not all((folder / f"here{other}").exists() for other in range(count)): time.sleep(0.001)
                return [os.getpid(), os.getppid()]
            """
        )
        run = self.run_host("processes", file, "meets", "{i}", "3", tasks=3, workers=3)
        values = [eval(value) for value in run.values]
        self.assertEqual(len({process for process, _ in values}), 3)

    def test_import_the_file_once_for_all_workers(self):
        file = self.file(
            """
            import os
            print("imported")
            opened = open("opened", "a")
            def work(): return opened.write(f"{os.getpid()}\\n") and os.getpid()
            """
        )
        for model, imports in (("processes", 2), ("processes/fork", 1)):  # the host imports it too
            run = self.run_host(model, file, "work", tasks=20, workers=2)
            self.assertEqual(run.lines, ["imported"] * imports)
            with open(os.path.join(self.folder, "opened")) as opened:
                self.assertEqual(sorted(opened.read().split()), sorted(run.values))
            os.unlink(os.path.join(self.folder, "opened"))

    def test_import_the_file_each_if_that_starts_threads_or_processes(self):
        for source in ("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()",
                       "import subprocess; kept = subprocess.Popen(['cat'], stdin=subprocess.PIPE)"):
            file = self.file(f"import os\nprint('imported')\n{source}\ndef work(): return os.getpid()")
            run = self.run_host("processes", file, "work", tasks=20, workers=2)
            self.assertEqual(set(run.lines), {"imported"})
            self.assertIn(len(run.lines), range(2 + len(set(run.values)), 2 + 2 + 1))  # a worker may get no task

    def test_run_though_the_import_starts_a_thread_that_forks(self):
        file = self.file(
            """
            import os, sys, threading
            def fork_on():
                while True:
                    if (child := os.fork()) == 0: os._exit(0)
                    try: os.waitpid(child, 0)
                    except ChildProcessError: pass  # the pool's own process has seen to its end
            if "worker.py" in map(os.path.basename, sys.orig_argv): threading.Thread(target=fork_on, daemon=True).start()
            def work(i): return i
            """
        )
        run = self.run_host("processes", file, "work", "{i}", tasks=4, workers=2)
        self.assertEqual(run.values, ["0", "1", "2", "3"])

    def test_that_still_import_the_file_end_with_a_host_that_is_killed(self):
        imports, mark = os.path.join(self.folder, "imports"), f"FANOUT_TEST_MARK={uuid.uuid4()}"
        os.mkfifo(imports)
        file = self.file(
            f"""
            import os, sys, time
            if "worker.py" in map(os.path.basename, sys.orig_argv):
                with open({imports!r}, "w"): time.sleep(1000)
            def work(): return 1
            """
        )
        with tempfile.TemporaryFile() as record:
            variables = dict([mark.split("=")], FANOUT_RECORD_FD=str(record.fileno()))
            host = subprocess.Popen([sys.executable, HOST, "--model=processes", f"--file={file}", "--function=work"],
                                    env={**os.environ, **variables}, pass_fds=[record.fileno()], stdin=subprocess.DEVNULL)
            with open(imports):  # when the worker has
                host.kill()
                host.wait()
                wait_until(lambda: not marked_processes(mark), "the end of all processes")

    def test_that_die_fail_their_task_alone(self):
        file = self.file(
            """
            import os, signal
            def dies(i):
                if i == 1: os.kill(os.getpid(), signal.SIGKILL)
                if i == 3: os._exit(7)
                if i == 5: os.abort()
                return i
            """
        )
        run = self.run_host("processes", file, "dies", "{i}", tasks=8, workers=2)
        self.assertEqual([task["ok"] for task in run.tasks], [True, False, True, False, True, False, True, True])
        self.assertRegex(run.tasks[1]["error"], r"worker \d+ died: SIGKILL")
        self.assertRegex(run.tasks[3]["error"], r"worker \d+ .*7")
        self.assertRegex(run.tasks[5]["error"], r"worker \d+ died: SIGABRT")
        self.assertNotIn("start_s", run.tasks[1])
        self.assertNotIn("summary", run.tasks[1])

    def test_leave_nothing_behind(self):
        file = self.file(
            """
            import os
            def work(): return [os.getpid(), os.getppid()]
            """
        )
        run = self.run_host("processes", file, "work", tasks=4, workers=2)
        for process in {process for value in run.values for process in eval(value)}:
            self.assertFalse(os.path.exists(f"/proc/{process}"), process)

    def test_begin_as_forks_that_python_knows_of(self):
        folder = os.path.join(self.folder, "site")
        os.mkdir(folder)
        with open(os.path.join(folder, "sitecustomize.py"), "w") as site:
            site.write(
                "import os, random\n"  # random: its state must not be the same in all workers
                "begun_in = []\n"
                "os.register_at_fork(after_in_child=lambda: begun_in.append(os.getpid()))\n"
            )
        file = self.file(
            """
            import os, random, sitecustomize
            def work(): return [os.getpid(), random.random(), list(sitecustomize.begun_in)]
            """
        )
        run = self.run_host("processes", file, "work", tasks=20, workers=3, environment={"PYTHONPATH": folder})
        numbers = {}
        for process, number, begun_in in map(eval, run.values):
            self.assertEqual(begun_in, [process])
            numbers.setdefault(process, number)
        self.assertEqual(len(set(numbers.values())), len(numbers))

    def test_may_fork_and_start_programs_themselves(self):
        file = self.file(
            """
            import os, subprocess, sys
            def work():
                subprocess.run([sys.executable, "-c", "pass"], check=True, preexec_fn=lambda: None)
                child = os.fork()
                if child == 0: os._exit(3)
                return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            """
        )
        self.assertEqual(self.run_host("processes", file, "work", tasks=4, workers=2).values, ["3"] * 4)

    def test_run_in_an_interpreter_that_starts_threads_of_its_own(self):
        folder = os.path.join(self.folder, "site")
        os.mkdir(folder)
        with open(os.path.join(folder, "sitecustomize.py"), "w") as site:
            site.write("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n")
        file = self.file("def work(i): return i")
        run = self.run_host("processes", file, "work", "{i}", tasks=4, workers=2, environment={"PYTHONPATH": folder})
        self.assertEqual(run.values, ["0", "1", "2", "3"])

    def test_run_in_an_interpreter_that_does_not_know_its_own_path(self):
        file = self.file("def work(): return 1")
        options = ["--model=processes", f"--file={file}", "--function=work"]
        run = Run(*options, interpreter_name="python3", environment={"PATH": None})
        self.assertEqual(run.values, ["1"])

    def test_run_in_the_same_interpreter_without_options(self):
        file = self.file(
            """
            import sys
            def work(): return [sys.executable, sys.version, sys.flags.isolated, sys.flags.ignore_environment, sys.prefix]
            """
        )
        serial, processes = (self.run_host(model, file, "work").values for model in ("serial", "processes"))
        self.assertEqual(serial, processes)

    def test_fail_tasks_with_the_reason_when_they_cannot_import_the_file(self):
        file = self.file(
            """
            import os, sys
            if "worker.py" in map(os.path.basename, sys.orig_argv): raise RuntimeError("not in a worker")
            def work(): return 1
            """
        )
        run = self.run_host("processes", file, "work", tasks=2)
        for task in run.tasks:
            self.assertTrue(task["error"].endswith("RuntimeError: not in a worker"), task)

    def test_carry_megabytes_both_ways(self):
        file = self.file(
            """
            def work(size): return "x" * size
            def length(text): return len(text)
            """
        )
        self.assertEqual(len(self.run_host("processes", file, "work", "99999").values[0]), 99999)
        self.assertIn("5000000 characters", self.run_host("processes", file, "work", "5000000").values[0])
        self.assertEqual(self.run_host("processes", file, "length", "x" * 100_000).values, ["100000"])


    def test_are_sent_large_arguments_as_they_can_take_them(self):
        lines = self.file("".join(f'["{i % 10}{"x" * 4_000_000}", {i}]\n' for i in range(12)), "inputs.jsonl")  # 48 MB
        file = self.file("def work(text, i): return [len(text), text[0], i]")
        run = self.run_host("processes", file, "work", lines=lines, tasks=12)
        self.assertEqual(run.values, [f"[4000001, '{i % 10}', {i}]" for i in range(12)])
        self.assertGreater(run.record["shipped_bytes"], 48_000_000)


if __name__ == "__main__":
    unittest.main()
