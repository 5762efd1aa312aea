# SPDX-License-Identifier: Apache-2.0
"""What http.cpp does, in asyncio: GETs on connections that stay open, both ends in one process and on one loop.

Prints requests/s: the best and the median of some rounds, by CPU time, as Google Benchmark's are. asyncio itself has no
HTTP: the first figures, on asyncio and if it is installed on uvloop, are of as little of it as will do; the last are of
aiohttp, if that is installed, which like Beast has all of it.

    /usr/bin/python3 bench/async/http_asyncio.py [CONNECTIONS [ROUNDS]]        1000 and 9, if not given
"""

import asyncio
import resource
import statistics
import sys
import time

try:
    import uvloop
except ImportError:
    uvloop = None
try:
    import aiohttp
    from aiohttp import web
except ImportError:
    aiohttp = None

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


async def rates(connections, rounds, fetch_all):
    """Requests/s of each round."""
    figures = []
    for _ in range(rounds):
        start = time.process_time()
        await fetch_all()
        figures.append(connections * REQUESTS / (time.process_time() - start))
    return figures


async def measure(connections, rounds):
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=connections)
    streams = [await asyncio.open_connection(*server.sockets[0].getsockname()) for _ in range(connections)]
    figures = await rates(connections, rounds, lambda: asyncio.gather(*(fetch(*stream) for stream in streams)))
    for _, writer in streams:
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()
    return figures


async def measure_aiohttp(connections, rounds):
    async def answer(_):
        return web.Response(body=BODY)

    async def fetch_some():
        for _ in range(REQUESTS):
            async with session.get(url) as response:
                assert await response.read() == BODY

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=connections).start()
    url = "http://127.0.0.1:%d/" % runner.addresses[0][1]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        figures = await rates(connections, rounds, lambda: asyncio.gather(*(fetch_some() for _ in range(connections))))
    await runner.cleanup()
    return figures


def main():
    connections, rounds = (int(arg) for arg in (sys.argv[1:] + ["1000", "9"][len(sys.argv) - 1:]))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    measured = [("asyncio", asyncio.new_event_loop, measure)]
    if uvloop is not None:
        measured.append(("uvloop", uvloop.new_event_loop, measure))
    if aiohttp is not None:
        measured.append(("aiohttp on asyncio", asyncio.new_event_loop, measure_aiohttp))
    for name, new_event_loop, how in measured:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            figures = runner.run(how(connections, rounds))
        print(f"{name}: {max(figures):,.0f} requests/s at best, {statistics.median(figures):,.0f} in the median "
              f"({connections} connections)")


if __name__ == "__main__":
    main()
