# SPDX-License-Identifier: Apache-2.0
"""http_fetch, with nginx, and with servers of the test's own that answer when they are told to."""

import os
import select
import socket
import subprocess
import tempfile
import unittest

from example import ExampleTest

NGINX = """
daemon off;
worker_processes 1;
{user}
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen {address};
    root {folder};
    location /hello {{ return 200 "hello"; }}
    location /host {{ return 200 $http_host; }}
    location /query {{ return 200 $args; }}
    location /gone {{ return 410; }}
    location = / {{ return 200 "root"; }}
    location /slow {{ alias {folder}/large; limit_rate 1; }}
  }}
}}
"""
LARGE = 20_000_000  # more than Beast reads unasked


class HttpFetch(ExampleTest):
    def start_nginx(self):
        """On a port of the kernel's: nginx takes the listening socket over, so clients may come at once."""
        folder = tempfile.TemporaryDirectory(prefix="fanout-nginx-")
        self.addCleanup(folder.cleanup)
        listening = socket.create_server(("127.0.0.1", 0), backlog=511)
        self.address = "{}:{}".format(*listening.getsockname())
        with open(f"{folder.name}/nginx.conf", "w") as config:
            user = "user root;" if os.geteuid() == 0 else ""  # the folder is ours alone
            config.write(NGINX.format(folder=folder.name, address=self.address, user=user))
        with open(f"{folder.name}/large", "wb") as large:
            large.truncate(LARGE)
        with listening:
            environment = dict(os.environ, NGINX=f"{listening.fileno()};", PATH=os.environ["PATH"] + ":/usr/sbin")
            nginx = self.start(["nginx", "-e", "stderr", "-p", folder.name, "-c", f"{folder.name}/nginx.conf"],
                               stdout=None, stderr=None, pass_fds=[listening.fileno()], env=environment)

        def end():
            nginx.terminate()  # and with it its worker
            nginx.wait()

        self.addCleanup(end)

    def listen(self):
        server = socket.create_server(("127.0.0.1", 0), backlog=511)
        self.addCleanup(server.close)
        return server

    def fetch(self, *args, text=None):
        """The exit code and the lines, sorted: their order is that of the answers."""
        process = self.start_example(*args, stdin=subprocess.DEVNULL if text is None else subprocess.PIPE)
        out, err = process.communicate(text)
        self.assertEqual(err, "")
        return process.returncode, sorted(out.splitlines())

    def test_answers(self):
        self.start_nginx()
        site = f"http://{self.address}"
        self.assertEqual(self.fetch(f"{site}/hello"), (0, [f"{site}/hello: 200 OK, 5 bytes"]))
        self.assertEqual(self.fetch(site), (0, [f"{site}: 200 OK, 4 bytes"]))
        self.assertEqual(self.fetch(f"{site}/host"), (0, [f"{site}/host: 200 OK, {len(self.address)} bytes"]))
        self.assertEqual(self.fetch(f"{site}/query?a=b&c"), (0, [f"{site}/query?a=b&c: 200 OK, 5 bytes"]))
        self.assertEqual(self.fetch(f"{site}/large"), (0, [f"{site}/large: 200 OK, {LARGE} bytes"]))

    def test_what_is_not_there_fails(self):
        self.start_nginx()
        code, lines = self.fetch(f"http://{self.address}/nothing", f"http://{self.address}/hello")
        self.assertEqual(code, 1)
        self.assertEqual(lines[0], f"http://{self.address}/hello: 200 OK, 5 bytes")
        self.assertRegex(lines[1], r"/nothing: 404 Not Found, \d+ bytes$")

    def test_hundreds_of_urls_from_stdin(self):
        self.start_nginx()
        site = f"http://{self.address}"
        code, lines = self.fetch("-n", "50", text=f"{site}/hello\n" * 300 + f"{site}/gone\n")
        self.assertEqual((code, len(lines)), (1, 301))
        self.assertEqual(lines.count(f"{site}/hello: 200 OK, 5 bytes"), 300)
        self.assertEqual(self.fetch(text=""), (0, []))

    def test_who_answers_too_slowly_is_given_up_and_the_others_are_not(self):
        self.start_nginx()
        site = f"http://{self.address}"
        self.assertEqual(self.fetch("-t", "0.5", f"{site}/slow"), (1, [f"{site}/slow: timed out after 0.5 s"]))
        silent = "http://{}:{}/".format(*self.listen().getsockname())
        code, lines = self.fetch("-t", "2", silent, f"{site}/slow", f"{site}/hello")
        self.assertEqual(code, 1)
        self.assertEqual(lines, sorted([f"{silent}: timed out after 2 s", f"{site}/hello: 200 OK, 5 bytes",
                                        f"{site}/slow: timed out after 2 s"]))

    def test_nobody_there(self):
        with socket.socket() as bound:  # and not listening
            bound.bind(("127.0.0.1", 0))
            url = "http://{}:{}/".format(*bound.getsockname())
            self.assertEqual(self.fetch(url), (1, [f"{url}: Connection refused"]))

    def test_a_name_that_nobody_has(self):
        url = f"http://{'x' * 64}.example/"  # too long a label: no name server is asked
        code, lines = self.fetch(url)
        self.assertEqual(code, 1)
        self.assertRegex(lines[0], f"^{url}: Host not found")

    def test_what_is_no_url(self):
        for url in ("nonsense", "https://localhost/", "http://", "http://a b/", ""):
            with self.subTest(url):
                code, lines = self.fetch(url)
                self.assertEqual((code, len(lines)), (1, 1))
                self.assertTrue(lines[0].startswith(f"{url}: "), lines)

    def test_the_connection_ends_in_the_middle(self):
        server = self.listen()
        url = "http://{}:{}/".format(*server.getsockname())
        process = self.start_example(url)
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        self.assertEqual(process.communicate(), (f"{url}: partial message\n", ""))
        self.assertEqual(process.returncode, 1)

    def test_bodies_without_a_length(self):
        server = self.listen()
        url = "http://{}:{}/".format(*server.getsockname())
        for answer in (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                       b"6\r\nuntil \r\n7\r\nthe end\r\n0\r\n\r\n"):
            process = self.start_example(url)
            with server.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(answer)
            self.assertEqual(process.communicate(), (f"{url}: 200 OK, 13 bytes\n", ""))

    def test_lines_come_in_the_order_of_the_answers(self):
        servers = [self.listen() for _ in range(5)]
        urls = ["http://{}:{}/".format(*server.getsockname()) for server in servers]
        process = self.start_example("-t", "100", *urls)
        connections = [server.accept()[0] for server in servers]
        for number in (3, 0, 4, 2, 1):
            with connections[number] as connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            self.assertEqual(process.stdout.readline(), f"{urls[number]}: 200 OK, 2 bytes\n")
        self.assertEqual(process.wait(), 0)

    def test_so_many_at_once_and_no_more(self):
        server = self.listen()
        url = "http://{}:{}/".format(*server.getsockname())
        process = self.start_example("-n", "3", "-t", "100", *[url] * 10)
        open_connections = [server.accept()[0] for _ in range(3)]
        for answered in range(10):
            self.assertEqual(select.select([server], [], [], 0)[0], [], "a fourth")
            with open_connections.pop(0) as connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            if answered < 7:
                open_connections.append(server.accept()[0])
        out, _ = process.communicate()
        self.assertEqual((process.returncode, out.count("200 OK")), (0, 10))


if __name__ == "__main__":
    unittest.main()
