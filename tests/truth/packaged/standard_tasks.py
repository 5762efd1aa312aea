# SPDX-License-Identifier: Apache-2.0
"""Code that nobody here wrote, of Python's own library: see ../real_code.py. Each function works so many times on an
input that is made from a seed, and returns a short value that depends on all of it."""

import hashlib
import json
import random
import re
import sqlite3
import zlib

_chosen = random.Random(1)
ROWS = [{"id": i, "name": f"user{_chosen.randrange(10**6)}", "score": _chosen.random(), "at": f"10.0.{i % 256}.{i % 7}",
         "tags": _chosen.sample(["new", "paid", "late", "gift", "trial"], 2)} for i in range(5000)]
JSON = json.dumps(ROWS)
LOG = "\n".join(f"{row['at']} - {row['name']} [{row['id']:08}] \"GET /{row['tags'][0]}/{row['id']} HTTP/1.1\" "
                f"{200 + row['id'] % 300} {row['id'] * 37 % 9999}" for row in ROWS)
LOGS = (LOG * 4).encode()  # 1.4 MB
LINE = re.compile(r'(?m)^(\d+\.\d+\.\d+\.\d+) - (\w+) \[(\d+)\] "(\w+) ([^ "]*) [^"]*" (\d{3}) (\d+)$')


def hash_passwords(times):
    for _ in range(times):
        key = hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 100_000)
    return key.hex()


def compress_logs(times):
    for _ in range(times):
        compressed = zlib.compress(LOGS)
    return zlib.crc32(compressed)


def match_log(times):
    for _ in range(times):
        sent = sum(int(found[7]) for found in LINE.finditer(LOG) if found[6] == "404" or found[5].startswith("/paid"))
    return sent


def parse_json(times):
    for _ in range(times):
        parsed = json.loads(JSON)
    return sum(row["id"] for row in parsed)


def query_sqlite(times):
    database = sqlite3.connect(":memory:")
    database.execute("create table users (id integer, name text, score real, tag text)")
    database.executemany("insert into users values (?, ?, ?, ?)",
                         [(row["id"], row["name"], row["score"], row["tags"][0]) for row in ROWS])
    for _ in range(times):
        best = database.execute("select tag, count(*), max(score), count(distinct substr(name, 1, 6)) from users "
                                "where name like '%7%' group by tag order by 3 desc").fetchall()
    database.close()
    return repr(best)
