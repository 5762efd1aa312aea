# SPDX-License-Identifier: Apache-2.0
# What holds under every model, and what sets each apart.
import os
import shutil
import tempfile
import unittest

from support import HOST, MODELS, NOTEBOOK, HostTest, Run, needs_extension


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
