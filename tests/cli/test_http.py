# SPDX-License-Identifier: Apache-2.0
"""Requests to a real server under every model: http://HOST:PORT/PATH."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

from tool import MODELS, ToolTest

ECHO_MODULE = "/usr/lib/nginx/modules/ngx_http_echo_module.so"  # answers that are late: libnginx-mod-http-echo
NGINX = """
daemon off;
worker_processes 1;
{module}
{user}
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen {address};
    root {folder};
    location /hello {{ return 200 "hello"; }}
    location /query {{ return 200 $args; }}
    location /agent {{ return 200 "$http_user_agent $http_host $http_connection"; }}
    location /gone {{ return 410; }}
    location /moved {{ return 302 /hello; }}
    location /nothing {{ return 204; }}
    location /different {{ return 200 $request_id; }}
    {late}
  }}
}}
"""
LATE = "location /late { echo_sleep 0.05; echo late; }"


class Nginx:
    """On a port of the kernel's: it takes the listening socket over, so clients may come at once."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="fanout-nginx-")
        listening = socket.create_server(("127.0.0.1", 0), backlog=511)
        self.address = "{}:{}".format(*listening.getsockname())
        echo = os.path.exists(ECHO_MODULE)
        with open(f"{self.folder}/nginx.conf", "w") as config:
            config.write(NGINX.format(folder=self.folder, address=self.address, late=LATE if echo else "",
                                      module=f"load_module {ECHO_MODULE};" if echo else "",
                                      user="user root;" if os.geteuid() == 0 else ""))  # the folder is ours alone
        with open(f"{self.folder}/large", "wb") as large:
            large.truncate(3_000_000)
        with listening:
            environment = dict(os.environ, NGINX=f"{listening.fileno()};", PATH=os.environ["PATH"] + ":/usr/sbin")
            self.process = subprocess.Popen(["nginx", "-e", "stderr", "-p", self.folder, "-c", f"{self.folder}/nginx.conf"],
                                            stdin=subprocess.DEVNULL, pass_fds=[listening.fileno()], env=environment)

    def end(self):
        self.process.terminate()  # and with it its worker
        self.process.wait()
        shutil.rmtree(self.folder)


class ServerTest(ToolTest):
    @classmethod
    def setUpClass(cls):
        cls.nginx = Nginx()
        cls.addClassCleanup(cls.nginx.end)
        cls.site = f"http://{cls.nginx.address}"


class Http(ServerTest):
    def compare(self, url, *options, tasks=3):
        return self.compare_json(url, "--tasks", str(tasks), "--rounds", "1", "--warmup", "0", *options)

    def value(self, path):
        [value] = {task["value"] for run in self.compare(self.site + path)["runs"] for task in run["tasks"]}
        return value

    def failed(self, url, model, *options):
        done = self.run_tool("compare", url, "--models", model, "--tasks", "2", "--rounds", "1", "--warmup", "0", *options)
        self.assertEqual(done.returncode, 1, done.stdout_text + done.stderr_text)
        return done.stderr_text

    def refused(self, url):
        done = self.run_tool("compare", url)
        self.assertEqual((done.returncode, done.stdout_text), (2, ""), done.stderr_text)
        return done.stderr_text

    def test_every_model_gets_the_same_answer(self):
        record = self.compare(f"{self.site}/hello")
        self.assertEqual((record["workload"]["kind"], record["workload"]["spec"]), ("http", f"{self.site}/hello"))
        self.assertEqual({run["model"] for run in record["runs"]}, set(MODELS))
        self.assertEqual(record["workload"]["result"], {"type": "answer", "value": "200, 5 bytes, FNV-1a a430d84680aabd0b"})

    def test_bodies_of_any_size(self):
        self.assertRegex(self.value("/large"), "^200, 3000000 bytes, ")
        self.assertRegex(self.value("/nothing"), "^204, 0 bytes, ")
        self.assertRegex(self.value("/query"), "^200, 0 bytes, ")

    def test_what_it_sends(self):
        self.assertRegex(self.value("/agent"), f"^200, {len('fanout  close') + len(self.nginx.address)} bytes, ")

    def test_the_number_of_the_task(self):
        record = self.compare(f"{self.site}/query?number={{i}}", tasks=11)
        for run in record["runs"]:
            sizes = [re.search(", (\\d+) bytes", task["value"]).group(1) for task in run["tasks"]]
            self.assertEqual(sizes, ["8"] * 10 + ["9"], run["model"])
            self.assertEqual(len({task["value"] for task in run["tasks"]}), 11)

    def test_answers_that_differ_get_no_verdict(self):
        done = self.run_tool("compare", f"{self.site}/different", "--rounds", "1", "--models", "serial,async")
        self.assertEqual(done.returncode, 5)

    @unittest.skipUnless(os.path.exists(ECHO_MODULE), "needs libnginx-mod-http-echo")
    def test_waits_overlap_except_serially(self):
        record = self.compare(f"{self.site}/late", "--workers", "10", tasks=10)
        wall = {row["model"]: row["median_s"] for row in record["summary"]}
        self.assertGreaterEqual(wall["serial"], 0.5)
        for run in record["runs"]:
            first_end = min(task["end_s"] for task in run["tasks"])
            last_start = max(task["start_s"] for task in run["tasks"])
            if run["model"] in ("serial", "async"):  # when a pool's workers begin is the machine's affair
                self.assertEqual(last_start < first_end, run["model"] == "async", run["model"])

    def test_a_status_that_is_no_success_fails(self):
        for model in MODELS:
            self.assertIn(f"{self.site}/gone: 410 Gone", self.failed(f"{self.site}/gone", model))
        self.assertIn(f"{self.site}/missing1: 404 Not Found", self.failed(f"{self.site}/missing1", "serial"))
        self.assertIn("/moved: 302 Moved Temporarily", self.failed(f"{self.site}/moved", "serial"))

    def test_nobody_there(self):
        with socket.socket() as bound:  # and not listening
            bound.bind(("127.0.0.1", 0))
            url = "http://{}:{}/".format(*bound.getsockname())
            for model in MODELS:
                self.assertIn(f"{url}: Connection refused", self.failed(url, model))

    def test_a_name_that_nobody_has(self):
        name = f"{'x' * 64}.example"  # too long a label: no name server is asked
        self.assertIn(f"{name}: Host not found", self.failed(f"http://{name}/", "serial"))

    def test_a_server_that_does_not_answer_is_given_up(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = "http://{}:{}/".format(*silent.getsockname())
            for model in ("serial", "async"):
                self.assertIn("no result after 0.3 s", self.failed(url, model, "--timeout", "300ms"))

    def test_an_answer_that_breaks_off_fails(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            def answer():
                for _ in range(2):
                    with server.accept()[0] as connection:
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")

            answering = threading.Thread(target=answer)
            answering.start()
            url = "http://{}:{}/".format(*server.getsockname())
            self.assertIn(f"{url}: partial message", self.failed(url, "serial"))
            answering.join()

    def test_what_is_no_url(self):
        for url, problem in (("https://localhost/", "https is not offered"), ("http://", "which host?"),
                             ("http://a b/", "no URL ("), ("http://localhost:99999/", "a port is a number from 1 to 65535"),
                             ("http://a{i}/", "'{i}' may stand in"), ("http://me@localhost/", "a user name is not offered")):
            message = self.refused(url)
            self.assertIn(problem, message)
            self.assertIn("write http://HOST:PORT/PATH", message)
        self.assertIn("did you mean http://HOST:PORT/PATH?", self.refused("http:localhost"))
        done = self.run_tool("compare", f"{self.site}/hello", "--arg", "1")
        self.assertIn("takes no --arg", done.stderr_text)


@unittest.skipUnless(os.path.exists(ECHO_MODULE), "needs libnginx-mod-http-echo")
@unittest.skipUnless(os.environ.get("FANOUT_WHOLE_COMPARISON"), "takes a minute")
class WholeComparison(ServerTest):
    def test_200_requests_of_50_ms(self):
        record = self.compare_json(f"{self.site}/late", "--tasks", "200", "--workers", "32", "--reference", "serial",
                                   "--rounds", "4", "--warmup", "0")
        verdicts = {(pair["a"], pair["b"]): pair["verdict"] for pair in record["pairs"]}
        for model in ("async", "threads", "processes"):
            self.assertEqual(verdicts[model, "serial"], "faster", record["pairs"])
            speedup = next(row["speedup_vs_serial"] for row in record["summary"] if row["model"] == model)
            self.assertGreater(speedup, 5)  # 32 at a time, or 200
        self.assertIn("waits", [one["rule"] for one in record["why"]])
        self.assertEqual(record["workload"]["result"]["value"].split(",")[:2], ["200", " 5 bytes"])


if __name__ == "__main__":
    unittest.main()
