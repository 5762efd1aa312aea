# SPDX-License-Identifier: Apache-2.0
"""chat, with sockets and with curl."""

import signal
import socket
import unittest

from example import ServerTest, receive_all


class Chat(ServerTest):
    def setUp(self):
        super().setUp()
        self.start_server()

    def arrive(self, **options):
        client = self.connect(**options)
        client.lines = client.makefile("r", encoding="utf-8", newline="\n")
        self.addCleanup(client.lines.close)
        self.assert_reads(client, "Your name?")
        return client

    def join(self, name, **options):
        client = self.arrive(**options)
        self.say(client, name)
        self.assert_reads(client, f"* {name} has come")
        return client

    def say(self, client, line):
        client.sendall(line.encode() + b"\n")

    def assert_reads(self, client, *lines):
        for line in lines:
            self.assertEqual(client.lines.readline(), line + "\n")

    def test_everybody_gets_every_line(self):
        ann = self.join("ann")
        bob = self.join("bob")
        self.assert_reads(ann, "* bob has come")
        self.say(ann, "hello")
        self.say(bob, "привет: 你好")
        for client in (ann, bob):
            heard = {client.lines.readline(), client.lines.readline()}
            self.assertEqual(heard, {"ann: hello\n", "bob: привет: 你好\n"})
        self.assert_ends()

    def test_all_hear_all_in_the_same_order(self):
        clients = []
        for number in range(20):
            clients.append(self.join(f"member {number}"))
            for earlier in clients[:-1]:
                self.assert_reads(earlier, f"* member {number} has come")
        for text in ("first", "second", "third"):
            for client in clients:
                self.say(client, text)
        heard = [[client.lines.readline() for _ in range(60)] for client in clients]
        for other in heard[1:]:
            self.assertEqual(other, heard[0])
        for number in range(20):
            self.assertEqual([line for line in heard[0] if line.startswith(f"member {number}:")],
                             [f"member {number}: {text}\n" for text in ("first", "second", "third")])
        self.assert_ends()

    def test_curl_takes_part(self):
        curl = self.start_curl()
        me = "GET / HTTP/1.1"
        for line in ("Your name?", f"* {me} has come", f"{me}: Host: 127.0.0.1:{self.port}"):
            self.assertEqual(curl.stdout.readline(), line + "\n")
        ann = self.join("ann")
        self.say(ann, "hello")
        self.assert_reads(ann, "ann: hello")
        self.say(ann, "bye")
        while (line := curl.stdout.readline()) != "* ann has come\n":
            self.assertTrue(line.startswith(f"{me}: "), line)
        self.assertEqual([curl.stdout.readline() for _ in range(2)], ["ann: hello\n", "ann: bye\n"])
        self.assert_ends()
        self.assertEqual(curl.wait(), 0)

    def test_lines_may_come_in_pieces_and_several_at_once(self):
        ann = self.arrive()
        for piece in (b"a", b"n", b"n\r\nhel", b"lo\r\n\r\nand", b" more\n"):
            ann.sendall(piece)
        self.assert_reads(ann, "* ann has come", "ann: hello", "ann: ", "ann: and more")

    def test_a_name_belongs_to_one(self):
        ann = self.join("ann")
        other = self.arrive()
        for name in ("ann", "", "\r", "ann"):
            self.say(other, name)
            self.assert_reads(other, "Your name?")
        self.say(other, "bob")
        self.assert_reads(other, "* bob has come")
        self.assert_reads(ann, "* bob has come")
        ann.close()
        ann.lines.close()
        self.assert_reads(other, "* ann has left")
        self.join("ann")
        self.assert_reads(other, "* ann has come")

    def test_who_leaves_before_giving_a_name_was_never_there(self):
        ann = self.join("ann")
        nameless = self.arrive()
        nameless.sendall(b"an")
        nameless.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(nameless), b"")
        rival = self.arrive()
        self.say(rival, "ann")
        self.assert_reads(rival, "Your name?")
        rival.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(rival), b"")
        self.say(ann, "alone")
        self.assert_reads(ann, "ann: alone")

    def test_a_line_that_is_too_long_ends_the_connection(self):
        ann = self.join("ann")
        bob = self.join("bob")
        self.assert_reads(ann, "* bob has come")
        self.say(bob, "x" * 999)
        self.assert_reads(ann, "bob: " + "x" * 999)
        bob.sendall(b"x" * 1001)
        self.assert_reads(ann, "* bob has left")

    def test_who_does_not_read_delays_nobody_and_is_thrown_out(self):
        ann = self.join("ann")
        slow = self.join("slow", receive_buffer=4096)
        self.assert_reads(ann, "* slow has come")
        line = "x" * 900
        said = 0
        while True:
            self.say(ann, line)
            said += 1
            heard = {ann.lines.readline()}
            if heard == {"* slow has left\n"}:
                break
            self.assertEqual(heard, {f"ann: {line}\n"})
        self.assert_reads(ann, f"ann: {line}")
        self.say(ann, "where is slow?")
        self.assert_reads(ann, "ann: where is slow?")
        self.assertGreater(said, 100)
        missed = slow.lines.read().splitlines()  # what was under way, in order, and then the end
        self.assertEqual(set(missed[:-1]), {f"ann: {line}"})
        self.assertLess(len(missed), said)
        self.join("slow")
        self.assert_reads(ann, "* slow has come")
        self.assert_ends()

    def test_ctrl_c_closes_connections(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                clients = [self.join(name) for name in ("ann", "bob")] + [self.arrive()]
                self.assert_reads(clients[0], "* bob has come")
                self.assert_ends(number)
                for client in clients:
                    self.assertEqual(client.lines.read(), "")
                self.start_server()

    def test_ctrl_c_while_everybody_talks(self):
        clients = [self.join(f"member {number}") for number in range(20)]
        for client in clients:
            client.sendall(b"hello\n" * 50)
        self.assert_ends()

    def test_a_port_that_is_taken(self):
        self.assert_port_that_is_taken_is_an_error()


if __name__ == "__main__":
    unittest.main()
