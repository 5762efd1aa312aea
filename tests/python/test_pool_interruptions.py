# SPDX-License-Identifier: Apache-2.0
# fanout's pools when something comes in between: signals while results are waited for, forks, callbacks that close them, two
# threads that wait for two pools.
import concurrent.futures
import os
import signal
import sys
import tempfile
import threading
import unittest

import package

import fanout
from pool_tasks import RaisesWhenLoaded, square, wait_for_writer


class Interrupted(Exception):
    pass


def interrupt(_, frame):
    """Raises in what waits for a result, nowhere else."""
    while frame is not None:
        if frame.f_code.co_name == "result":
            raise Interrupted
        frame = frame.f_back


class Interruptions(unittest.TestCase):
    def test_no_result_is_lost_by_a_signal_handler_that_raises(self):
        self.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, interrupt))
        interrupted = 0
        with fanout.process_pool(2) as pool:
            for i in range(100):
                futures = [pool.submit(square, n) for n in range(40)]
                signal.setitimer(signal.ITIMER_REAL, 0.00005 + 0.00002 * i)
                try:
                    for future in futures:
                        future.result()
                except Interrupted:
                    interrupted += 1
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                self.assertEqual([future.result(timeout=60) for future in futures], [n * n for n in range(40)])
        self.assertGreater(interrupted, 0)

    def test_a_result_that_raises_while_it_is_loaded_is_that_tasks_own(self):
        with fanout.process_pool(1) as pool:
            bad, good = pool.submit(RaisesWhenLoaded, KeyboardInterrupt), pool.submit(square, 3)
            for _ in range(2):  # the first may have been anybody's
                try:
                    self.assertEqual(good.result(timeout=60), 9)
                    break
                except KeyboardInterrupt:
                    pass
            self.assertEqual(good.result(timeout=60), 9)
            self.assertRaises(KeyboardInterrupt, bad.result)

    def test_such_a_result_does_not_end_the_thread_that_tells_of_results(self):
        with fanout.process_pool(1) as pool:
            futures = [pool.submit(RaisesWhenLoaded, kind) for kind in (SystemExit, KeyboardInterrupt)]
            futures.append(pool.submit(square, 3))
            done, waiting = concurrent.futures.wait(futures, timeout=60)
            self.assertEqual((len(done), len(waiting)), (3, 0))
            self.assertRaises(SystemExit, futures[0].result)
            self.assertRaises(KeyboardInterrupt, futures[1].result)

    def test_two_threads_may_wait_for_the_same_two_pools(self):
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-5)
        with fanout.process_pool(1) as one, fanout.process_pool(1) as two:
            for _ in range(20):
                futures = [pool.submit(square, x) for x in range(20) for pool in (one, two)]
                waiting = [threading.Thread(target=concurrent.futures.wait, args=(futures,), daemon=True) for _ in range(2)]
                for thread in waiting:
                    thread.start()
                for thread in waiting:
                    thread.join(60)
                    self.assertFalse(thread.is_alive(), "they wait for each other")

    def test_a_callback_may_shut_its_pool_down(self):
        pool = fanout.process_pool(1)
        closed = threading.Event()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        fifo = os.path.join(folder.name, "fifo")
        os.mkfifo(fifo)
        future = pool.submit(wait_for_writer, fifo)

        def close(_):
            pool.shutdown()
            closed.set()

        def add_and_let_go():
            future.add_done_callback(close)
            open(fifo, "w").close()

        threading.Thread(target=add_and_let_go).start()
        self.assertEqual(future.result(timeout=60), "")
        self.assertTrue(closed.wait(60))


class Forks(package.ProgramTest):
    def test_a_child_ends_though_the_program_had_a_pool_of_threads(self):
        printed = self.run_program("""
            import fanout, os, sys
            pool = fanout.thread_pool(2)
            print(pool.submit(pow, 2, 3).result(), flush=True)
            child = os.fork()
            if child == 0:
                sys.exit(5)  # as any program ends
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            """)
        self.assertEqual(printed, "8\n5\n")


if __name__ == "__main__":
    unittest.main()
