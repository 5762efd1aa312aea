# SPDX-License-Identifier: Apache-2.0
"""What http.cpp does, in asyncio: GETs on connections that stay open, both ends in one process and on one loop.

Prints requests/s of asyncio and, if it is installed, of uvloop: the best and the median of some rounds. The seconds are
those of CPU time, as Google Benchmark's are.

    /usr/bin/python3 bench/async/http_asyncio.py [CONNECTIONS [ROUNDS]]        1000 and 9, if not given
"""

import asyncio
import resource
import statistics
import sys
import time

REQUESTS = 10  # on each connection, each round
BODY = b"x" * 100
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


async def headers(reader):
    """The first line, and the fields as a dictionary."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
    fields = (line.partition(":") for line in lines[1:-2])
    return lines[0], {name.lower(): value.strip() for name, _, value in fields}


async def serve(reader, writer):
    try:
        while True:
            await headers(reader)
            writer.write(RESPONSE)
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def fetch(reader, writer):
    for _ in range(REQUESTS):
        writer.write(REQUEST)
        await writer.drain()
        _, fields = await headers(reader)
        body = await reader.readexactly(int(fields["content-length"]))
        assert body == BODY


async def measure(connections, rounds):
    """Requests/s of each round."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=connections)
    streams = [await asyncio.open_connection(*server.sockets[0].getsockname()) for _ in range(connections)]
    figures = []
    for _ in range(rounds):
        start = time.process_time()
        await asyncio.gather(*(fetch(*stream) for stream in streams))
        figures.append(connections * REQUESTS / (time.process_time() - start))
    for _, writer in streams:
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()
    return figures


def main():
    connections, rounds = (int(arg) for arg in (sys.argv[1:] + ["1000", "9"][len(sys.argv) - 1:]))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    loops = [("asyncio", asyncio.new_event_loop)]
    try:
        import uvloop
        loops.append(("uvloop", uvloop.new_event_loop))
    except ImportError:
        pass
    for name, new_event_loop in loops:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            figures = runner.run(measure(connections, rounds))
        print(f"{name}: {max(figures):,.0f} requests/s at best, {statistics.median(figures):,.0f} in the median "
              f"({connections} connections)")


if __name__ == "__main__":
    main()
