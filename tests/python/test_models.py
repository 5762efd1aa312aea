# SPDX-License-Identifier: Apache-2.0
# What holds under every model, and what sets each apart.
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import uuid

from support import HOST, MODELS, NOTEBOOK, HostTest, Run, marked_processes, needs_extension, wait_until


class EveryModel(HostTest):
    def test_returns_the_exact_value_of_every_task(self):
        for model in self.under_each_model():
            run = self.run_host(model, NOTEBOOK, "cpu_task", "10_000_000", tasks=2)
            self.assertEqual(run.values, ["333333283333335000000"] * 2)
            self.assertEqual([task["type"] for task in run.tasks], ["int", "int"])

    def test_keeps_results_in_the_order_of_the_tasks(self):
        file = self.file(
            """
            def work(i): return i * i
            """
        )
        for model in self.under_each_model():
            run = self.run_host(model, file, "work", "{i}", tasks=50, workers=3)
            self.assertEqual(run.values, [str(i * i) for i in range(50)])

    def test_runs_coroutine_functions(self):
        for model in self.under_each_model():
            run = self.run_host(model, NOTEBOOK, "fetch_data_async", "{i}", "0.01", tasks=3)
            self.assertEqual(run.values, ["answer 0", "answer 1", "answer 2"])

    def test_times_every_task_within_the_wall_time(self):
        for model in self.under_each_model():
            run = self.run_host(model, NOTEBOOK, "fetch_data", "{i}", "0.05", tasks=3)
            self.assertEqual(len(run.tasks), 3)
            for task in run.tasks:
                self.assertGreaterEqual(task["start_s"], 0)
                self.assertGreaterEqual(task["end_s"], task["start_s"] + 0.05)
                self.assertGreaterEqual(run.record["wall_s"], task["end_s"])

    def test_counts_what_the_tasks_cost(self):
        file = self.file(
            """
            import time
            def work(seconds):
                end = time.process_time() + seconds
                while time.process_time() < end: pass
            """
        )
        for model in self.under_each_model():
            record = self.run_host(model, file, "work", "0.1").record
            self.assertGreaterEqual(record["cpu_user_s"] + record["cpu_sys_s"], 0.095)
            self.assertGreater(record["mem"]["vmhwm_bytes"], 1_000_000)
            self.assertGreaterEqual(record["ctx"]["voluntary"], 0)
            self.assertGreaterEqual(record["faults"]["minor"], 0)

    def test_tells_what_each_worker_used_during_its_tasks(self):
        file = self.file(
            """
            import time
            def work(seconds):
                start = time.thread_time()
                while time.thread_time() < start + seconds: pass
                return time.thread_time() - start
            """
        )
        for model in self.under_each_model():
            record = self.run_host(model, file, "work", "0.1", tasks=2).record
            own = [0.0] * len(record["workers"])
            for task in record["tasks"]:
                own[task["worker"]] += task["value"]
            for worker, counted in zip(record["workers"], own, strict=True):
                self.assertGreaterEqual(worker["cpu_s"], counted)
                self.assertLess(worker["cpu_s"], counted * 1.03 + 0.05)  # a worker process imports the file after its start
                self.assertGreaterEqual(worker["runq_s"], 0)
            self.assertEqual("gil" in record, model == "threads")
            self.assertEqual("shipped_bytes" in record, model.startswith("processes"))
            self.assertEqual("pid" in record["workers"][0], model.startswith("processes"))

    def test_notices_that_a_loop_is_late(self):
        file = self.file(
            """
            import asyncio, time
            def blocks(): time.sleep(0.1)
            async def awaits(): await asyncio.sleep(0.1)
            """
        )
        self.assertGreaterEqual(self.run_host("async", file, "blocks").record["loop"]["max_lag_s"], 0.085)
        awaited = self.run_host("async", file, "awaits").record  # how late it is then is a matter of the machine
        self.assertGreaterEqual(awaited["loop"]["max_lag_s"], 0)

    def test_reports_a_raised_exception_with_the_users_frames_only(self):
        file = self.file(
            """
            def fails(i):
                if i == 1: inner()
                return i
            def inner(): raise ValueError("not one")
            """
        )
        for model in self.under_each_model():
            run = self.run_host(model, file, "fails", "{i}", tasks=3)
            self.assertEqual([task["ok"] for task in run.tasks], [True, False, True])
            error = run.tasks[1]["error"]
            self.assertTrue(error.startswith("Traceback (most recent call last):\n  File"), error)
            self.assertTrue(error.endswith("ValueError: not one"), error)
            self.assertIn(", in inner", error)
            self.assertEqual(error.count('  File "'), 2, error)

    def test_reports_an_exception_of_a_coroutine(self):
        file = self.file(
            """
            async def fails(): raise KeyError("gone")
            """
        )
        for model in self.under_each_model():
            error = self.run_host(model, file, "fails").tasks[0]["error"]
            self.assertTrue(error.endswith("KeyError: 'gone'"), error)
            self.assertEqual(error.count('  File "'), 1, error)

    def test_sums_an_exception_up_in_one_line(self):
        file = self.file(
            """
            def fails(i):
                if i == 0: raise ValueError("böm\\n second line")
                if i == 1: raise ExceptionGroup("two", [ValueError(1), TypeError(2)])
                if i == 2: compile("1 +", "x.py", "exec")
                if i == 3: raise KeyError("x" * 1000)
                raise KeyboardInterrupt
            """
        )
        for model in self.under_each_model():
            summaries = [task["summary"] for task in self.run_host(model, file, "fails", "{i}", tasks=5).tasks]
            self.assertEqual(summaries[:3], ["ValueError: böm", "ExceptionGroup: two (2 sub-exceptions)", "SyntaxError: invalid syntax"])
            self.assertRegex(summaries[3], r"^KeyError: 'x+…$")
            self.assertEqual((len(summaries[3]), summaries[4]), (200, "KeyboardInterrupt"))

    def test_takes_exits_and_interrupts_as_failures_of_the_task(self):
        file = self.file(
            """
            import sys
            def leaves(i):
                if i == 0: sys.exit(3)
                if i == 1: raise KeyboardInterrupt
                return i
            async def leaves_async(i): return leaves(i)
            """
        )
        for model in self.under_each_model():
            for function in ("leaves", "leaves_async"):
                run = self.run_host(model, file, function, "{i}", tasks=3)
                self.assertEqual([task["ok"] for task in run.tasks], [False, False, True])
                self.assertIn("SystemExit: 3", run.tasks[0]["error"])
                self.assertIn("KeyboardInterrupt", run.tasks[1]["error"])

    def test_gives_every_task_its_own_arguments(self):
        file = self.file(
            """
            def work(items):
                items.append(0)
                return items
            """
        )
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "work", "[1]", tasks=3).values, ["[1, 0]"] * 3)

    def test_imports_the_file_as_a_module_with_its_neighbours(self):
        self.file("def help(): return 'helped'", name="neighbour.py")
        file = self.file(
            """
            import sys
            from neighbour import help
            if __name__ == "__main__": raise SystemExit("ran as a script")
            def work(): return [__name__, help(), sys.argv[0] == __file__, __name__ in sys.modules]
            """
        )
        for model in self.under_each_model():
            for environment in ({}, {"PYTHONSAFEPATH": "1"}):
                run = self.run_host(model, file, "work", environment=environment)
                self.assertEqual(run.values, ["['work', 'helped', True, True]"])

    def test_finds_the_file_again_when_its_import_changes_the_directory(self):
        file = self.file(
            """
            import os
            os.chdir("/")
            def work(): return os.getcwd()
            """
        )
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "work").values, ["/"])

    def test_ends_though_the_user_left_threads_running(self):
        file = self.file(
            """
            import threading
            threading.Thread(target=threading.Event().wait).start()
            def work(): return 1
            """
        )
        for model in self.under_each_model():
            run = self.run_host(model, file, "work")
            if model == "processes/fork":  # which is not offered then
                self.assertIn("needs a program without other threads", run.record["error"])
            else:
                self.assertEqual((run.values, run.status), (["1"], 0))

    def test_hides_its_own_descriptor_and_options_from_the_user(self):
        file = self.file(
            """
            import os, sys
            def work(): return [[name for name in os.environ if name.startswith("FANOUT_")], len(sys.argv)]
            """
        )
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "work").values, ["[['FANOUT_PYTHON_DIR'], 1]"])


class Async(HostTest):
    def test_waits_at_the_same_time(self):
        file = self.file(
            """
            import asyncio
            here = []
            async def meets(count):
                here.append(None)
                while len(here) < count: await asyncio.sleep(0)
                return len(here)
            """
        )
        self.assertEqual(self.run_host("async", file, "meets", "5", tasks=5).values, ["5"] * 5)

    def test_lets_a_plain_function_block_the_loop(self):
        run = self.run_host("async", NOTEBOOK, "fetch_data", "{i}", "0.02", tasks=3)
        for before, after in zip(run.tasks, run.tasks[1:]):
            self.assertGreaterEqual(after["start_s"], before["end_s"])

    def test_calls_a_plain_function_inside_the_running_loop(self):
        file = self.file(
            """
            import asyncio
            def work(): return asyncio.get_running_loop().is_running()
            """
        )
        self.assertEqual(self.run_host("async", file, "work").values, [True])

    def test_tells_every_unfinished_task_what_ended_the_loop(self):
        file = self.file(
            """
            import asyncio
            async def child(): raise SystemExit("child leaves")
            async def work():
                asyncio.ensure_future(child())
                await asyncio.sleep(3600)
            """
        )
        run = self.run_host("async", file, "work", tasks=2)
        self.assertEqual([task["ok"] for task in run.tasks], [False, False])


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
            self.assertEqual(run.lines, ["imported"] * (2 + len(set(run.values))))

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


@needs_extension
class Threads(HostTest):
    def test_run_at_the_same_time_in_one_process(self):
        file = self.file(
            """
            import os, threading
            barrier = threading.Barrier(3)
            def meets():
                barrier.wait()
                return [os.getpid(), threading.get_ident()]
            """
        )
        values = [eval(value) for value in self.run_host("threads", file, "meets", tasks=3, workers=3).values]
        self.assertEqual(len({process for process, _ in values}), 1)
        self.assertEqual(len({thread for _, thread in values}), 3)

    def test_keep_their_thread_locals_from_task_to_task(self):
        file = self.file(
            """
            import threading
            own = threading.local()
            def counts():
                own.calls = getattr(own, "calls", 0) + 1
                return own.calls
            """
        )
        run = self.run_host("threads", file, "counts", tasks=20, workers=1)
        self.assertEqual(run.values, [str(number) for number in range(1, 21)])

    def test_destroy_thread_locals_when_they_end(self):
        file = self.file(
            """
            import threading
            own = threading.local()
            class Noisy:
                def __del__(self): print("thread-local destroyed")
            def work(): own.noisy = Noisy()
            """
        )
        self.assertEqual(self.run_host("threads", file, "work", workers=1).lines, ["thread-local destroyed"])


class Host(HostTest):
    def test_says_why_nothing_could_run(self):
        file = self.file("raise RuntimeError('broken at import')")
        for model in MODELS:
            with self.subTest(model=model):
                error = self.run_host(model, file, "work").record["error"]
                self.assertTrue(error.endswith("RuntimeError: broken at import"), error)
                self.assertEqual(error.count('  File "'), 1, error)

    @needs_extension
    def test_says_so_when_no_worker_can_be_started(self):
        with tempfile.TemporaryDirectory() as folder:
            copied = shutil.copytree(os.path.dirname(HOST), os.path.join(folder, "lib"))
            os.remove(os.path.join(copied, "worker.py"))
            options = ["--model=processes", f"--file={NOTEBOOK}", "--function=cpu_task", "--arg=1"]
            error = Run(*options, host=os.path.join(copied, "host.py")).record["error"]
        self.assertTrue(error.startswith("RuntimeError: "), error)


if __name__ == "__main__":
    unittest.main()
