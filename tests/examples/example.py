# SPDX-License-Identifier: Apache-2.0
"""Runs an example, talks to it, and leaves nothing behind, whatever fails."""

import os
import signal
import socket
import subprocess
import time
import unittest

DEADLINE = 120  # seconds for a test: it only guards against hanging


class ExampleTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        def expired(*_):
            raise AssertionError("the test waited in vain")

        signal.signal(signal.SIGALRM, expired)
        signal.alarm(DEADLINE)
        self.addCleanup(signal.alarm, 0)

    def start(self, command, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(command, text=True, **options)

        def end():
            process.kill()
            process.communicate()

        self.addCleanup(end)
        return process

    def start_example(self, *args, **options):
        return self.start([os.environ["EXAMPLE"], *args], **options)


class Client(socket.socket):
    """Unlike a socket, it may be given attributes."""


class ServerTest(ExampleTest):
    """An example that prints where it listens, and ends on Ctrl-C."""

    def start_server(self, **options):
        self.server = self.start_example(**options)
        line = self.server.stdout.readline()
        self.assertRegex(line, r"^listening on 127\.0\.0\.1:\d+\n$")
        self.port = int(line.rpartition(":")[2])

    def connect(self, receive_buffer=None):
        client = Client()
        self.addCleanup(client.close)
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(("127.0.0.1", self.port))
        return client

    def start_curl(self):
        """It sends a request for HTTP and shows whatever it gets. (Its telnet:// blocks while it waits for input.)"""
        return self.start(["curl", "--silent", "--no-buffer", "--http0.9", f"http://127.0.0.1:{self.port}"])

    def open_descriptors(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    def assert_ends(self, number=signal.SIGINT):
        self.server.send_signal(number)
        self.assertEqual((self.server.stdout.read(), self.server.stderr.read()), ("", ""))
        self.assertEqual(self.server.wait(), 0)

    def assert_port_that_is_taken_is_an_error(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            refused = self.start_example(str(other.getsockname()[1]))
            out, err = refused.communicate()
        self.assertEqual((refused.returncode, out), (1, ""))
        self.assertIn("Address already in use", err)


def receive_all(client):
    """Until the other end has closed."""
    pieces = []
    while piece := client.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def wait_until(condition):
    """Polls: what happens inside another process sends no event here."""
    while not condition():
        time.sleep(0.005)
