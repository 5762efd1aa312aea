# SPDX-License-Identifier: Apache-2.0
"""echo_server, with sockets and with curl."""

import os
import resource
import signal
import socket
import struct
import threading
import unittest

from example import ServerTest, receive_all, wait_until


def reset(client):
    """Hangs up without a goodbye: the other end gets "connection reset"."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


class EchoServer(ServerTest):
    def assert_echoes(self, client, text=b"hello\n"):
        client.sendall(text)
        self.assertEqual(client.recv(len(text), socket.MSG_WAITALL), text)

    def test_every_byte_comes_back_in_order(self):
        self.start_server()
        client = self.connect()
        sent = bytes(range(256)) * 40_000  # more than all buffers on the way hold

        def send():
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = receive_all(client)
        sender.join()
        self.assertTrue(received == sent, f"{len(received)} bytes of {len(sent)}, or others")
        self.assert_ends()

    def test_curl_is_answered(self):
        self.start_server()
        curl = self.start_curl()
        self.assertEqual(curl.stdout.readline(), "GET / HTTP/1.1\n")
        self.assertEqual(curl.stdout.readline(), f"Host: 127.0.0.1:{self.port}\n")
        self.assert_ends()
        self.assertIn("User-Agent: curl", curl.stdout.read())
        self.assertEqual(curl.wait(), 0)

    def test_many_at_once(self):
        self.start_server()
        clients = [self.connect() for _ in range(300)]
        for number, client in enumerate(clients):
            client.sendall(b"I am client %03d\n" % number)
        for number, client in reversed(list(enumerate(clients))):
            self.assertEqual(client.recv(16, socket.MSG_WAITALL), b"I am client %03d\n" % number)
        self.assert_ends()

    def test_who_hangs_up_in_the_middle_disturbs_nobody(self):
        self.start_server()
        staying = self.connect()
        self.assert_echoes(staying)
        before = self.open_descriptors()
        for number in range(20):
            leaving = self.connect()
            leaving.sendall(b"x" * 100_000)
            leaving.recv(1)
            if number % 2 == 0:
                reset(leaving)
            else:
                leaving.shutdown(socket.SHUT_WR)
                receive_all(leaving)
            self.assert_echoes(staying)
        wait_until(lambda: self.open_descriptors() == before)
        self.assert_ends()

    @unittest.skipIf("undefined" in os.environ.get("SANITIZED", ""), "UBSan needs descriptors to look at memory")
    def test_more_clients_than_descriptors_are_served_one_after_another(self):
        self.start_server(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20)))
        clients = [self.connect() for _ in range(50)]
        for client in clients:
            client.sendall(b"hello")
        for client in clients:
            self.assertEqual(client.recv(5, socket.MSG_WAITALL), b"hello")
            client.close()
        self.assert_ends()

    def test_ctrl_c_closes_connections(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                self.start_server()
                clients = [self.connect() for _ in range(10)]
                for client in clients:
                    self.assert_echoes(client)
                self.assert_ends(number)
                for client in clients:
                    self.assertEqual(client.recv(1), b"")

    def test_ctrl_c_without_clients(self):
        self.start_server()
        self.assert_ends()

    def test_ctrl_c_while_a_client_does_not_read(self):
        self.start_server()
        client = self.connect()
        client.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                client.send(b"x" * 65536)
        self.assert_ends()

    def test_a_port_that_is_taken(self):
        self.assert_port_that_is_taken_is_an_error()


if __name__ == "__main__":
    unittest.main()
