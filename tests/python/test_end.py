# SPDX-License-Identifier: Apache-2.0
# How hosts and workers end: nothing that a program of the user's would leave whole is lost, and nothing is waited for.
import gzip
import os
import unittest

from support import HostTest


class End(HostTest):
    def text(self, name, open=open):
        with open(os.path.join(self.folder, name), "rt") as file:
            return file.read()

    def test_writes_out_files_that_tasks_left_open(self):
        file = self.file(
            """
            import gzip, os, tempfile
            kept = []
            def work(model):
                os.chdir(os.path.dirname(__file__))
                kept.extend((open(model + ".txt", "w"), gzip.open(model + ".gz", "wt"), tempfile.NamedTemporaryFile()))
                for file in kept[:2]: file.write("written")
                return kept[2].name
            """
        )
        for model in self.under_each_model():
            run = self.run_host(model, file, "work", model := model.replace("/", "_"))
            self.assertEqual(self.text(f"{model}.txt"), "written")
            self.assertEqual(self.text(f"{model}.gz", gzip.open), "written")
            self.assertFalse(os.path.exists(run.values[0]))

    def test_writes_out_what_c_code_printed(self):
        file = self.file(
            """
            import ctypes
            def work(): ctypes.CDLL(None).puts(b"from C")
            """
        )
        for model in self.under_each_model():
            run = self.run_host(model, file, "work", environment={"PYTHONUNBUFFERED": ""})
            self.assertEqual(run.lines, ["from C"])

    def test_runs_exit_functions(self):
        file = self.file(
            """
            import atexit
            def work(): atexit.register(print, "at exit", end="")
            """
        )
        for model in self.under_each_model():
            self.assertEqual(self.run_host(model, file, "work").lines, ["at exit"])

    def test_does_not_wait_for_an_exit_function_that_never_returns(self):
        file = self.file(
            """
            import atexit, threading
            def work(): atexit.register(threading.Event().wait)
            """
        )
        for model in self.under_each_model():
            run = self.run_host(model, file, "work")
            self.assertEqual((run.values, run.status), ([None], 0))

    def test_does_not_wait_for_processes_that_tasks_left_running(self):
        file = self.file(
            """
            import multiprocessing, time
            def work(): multiprocessing.get_context("fork").Process(target=time.sleep, args=[3600]).start()
            """
        )
        for model in self.under_each_model():
            run = self.run_host(model, file, "work")
            self.assertEqual((run.values, run.status), ([None], 0))


class ForkedProcess(HostTest):
    """One that a task forked, and that comes back from the task's function."""

    def ended_with(self, model, statement):
        file = self.file(
            f"""
            import os, sys
            async def work_async(): return work()
            def work():
                child = os.fork()
                if child: return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                print("child", end="")
                {statement}
            """
        )
        runs = [self.run_host(model, file, function, tasks=3) for function in ("work", "work_async")]
        for run in runs:
            self.assertEqual((len(run.values), len(set(run.values)), run.status), (3, 1, 0))
            self.assertEqual(sum(line.startswith("child") for line in run.lines), 3, run.lines)
        return runs[0]

    def test_ends_there_and_has_no_part_in_the_result(self):
        for model in self.under_each_model():
            self.assertEqual(self.ended_with(model, "return 'child'").values[0], "0")

    def test_ends_with_the_code_it_asks_for(self):
        for model in self.under_each_model():
            self.assertEqual(self.ended_with(model, "sys.exit(7)").values[0], "7")

    def test_ends_with_the_exception_it_raises(self):
        for model in self.under_each_model():
            run = self.ended_with(model, "raise ValueError('in the child')")
            self.assertEqual(run.values[0], "1")
            self.assertIn("ValueError: in the child", run.output)

    def test_writes_no_record_when_the_import_forked_it(self):
        file = self.file(
            """
            import os
            if child := os.fork(): os.waitpid(child, 0)
            def work(): return 1
            """
        )
        for model in self.under_each_model():
            run = self.run_host(model, file, "work")
            self.assertEqual((run.values, run.status), (["1"], 0))


class Costs(HostTest):
    def test_are_not_more_than_all_processors_can_do_in_the_time(self):
        file = self.file(
            """
            import threading, time
            own = threading.local()
            class Slow:
                def __del__(self):
                    end = time.process_time() + 0.2
                    while time.process_time() < end: pass
            def work(): own.slow = Slow()  # under threads it goes when its thread does: after the result
            """
        )
        for model in self.under_each_model():
            if model.startswith("processes"):  # what its workers do at their end is counted with them
                continue
            record = self.run_host(model, file, "work").record
            rounding = 1e-5  # the kernel counts whole microseconds
            self.assertLessEqual(record["cpu_user_s"] + record["cpu_sys_s"], record["wall_s"] * os.cpu_count() + rounding)

    def test_are_never_negative(self):
        file = self.file(
            """
            import os
            def work(): return os.fork() >= 0
            """
        )
        for model in self.under_each_model():
            record = self.run_host(model, file, "work", tasks=3).record
            for value in (record["wall_s"], record["cpu_user_s"], record["cpu_sys_s"], *record["ctx"].values(), *record["faults"].values()):
                self.assertGreaterEqual(value, 0)


if __name__ == "__main__":
    unittest.main()
