# SPDX-License-Identifier: Apache-2.0
# Tasks that use multiprocessing themselves, under every model.
import os
import unittest

from support import HostTest

SOURCE = """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    kept = []

    def square(number): return number * number

    def pool(method):
        with multiprocessing.get_context(method).Pool(2) as pool: return pool.map(square, [1, 2, 3])

    def executor(method):
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool: return list(pool.map(square, [1, 2, 3]))

    def keeps(method):
        context = multiprocessing.get_context(method)
        kept.extend((context.Lock(), context.Pool(2), context.Manager()))
        kept[1].apply_async(square, [1])
        return str(kept[0]._semlock.name)

    def shares():
        from multiprocessing.shared_memory import SharedMemory
        kept.append(SharedMemory(create=True, size=1000))
        return kept[0].name
"""


class Multiprocessing(HostTest):
    def setUp(self):
        super().setUp()
        self.temporary = os.path.join(self.folder, "tmp")
        os.mkdir(self.temporary)

    def run_task(self, model, function, *arguments, file=None):
        run = self.run_host(model, file or self.file(SOURCE), function, *arguments, environment={"TMPDIR": self.temporary})
        self.assertTrue(run.tasks[0]["ok"], run.values[0])
        self.assertEqual(os.listdir(self.temporary), [])
        return run.values[0]

    def assert_works(self, function, method):
        for model in self.under_each_model():
            self.assertEqual(self.run_task(model, function, method), "[1, 4, 9]")

    def test_pool_of_spawned_processes(self):
        self.assert_works("pool", "spawn")

    def test_pool_of_a_forkserver(self):
        self.assert_works("pool", "forkserver")

    def test_pool_of_forks(self):
        self.assert_works("pool", "fork")

    def test_executor_of_spawned_processes(self):
        self.assert_works("executor", "spawn")

    def test_executor_of_a_forkserver(self):
        self.assert_works("executor", "forkserver")

    def test_finds_the_functions_of_a_file_that_is_a_link(self):
        self.file(SOURCE)
        link = os.path.join(self.temporary, "..", "linked.py")
        os.symlink("work.py", link)
        for model in self.under_each_model():
            self.assertEqual(self.run_task(model, "pool", "spawn", file=link), "[1, 4, 9]")

    def test_leaves_nothing_though_its_objects_were_kept(self):
        for method in ("spawn", "forkserver", "fork"):
            for model in self.under_each_model():
                self.assertFalse(os.path.exists("/dev/shm/sem." + self.run_task(model, "keeps", method).lstrip("/")))

    def test_leaves_no_shared_memory_that_was_kept(self):
        for model in self.under_each_model():
            self.assertFalse(os.path.exists("/dev/shm/" + self.run_task(model, "shares").lstrip("/")))


if __name__ == "__main__":
    unittest.main()
