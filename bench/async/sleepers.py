# SPDX-License-Identifier: Apache-2.0
"""`sleepers.py asyncio|uvloop [N]`: the same as sleepers.cpp, for Python's loops: asyncio.sleep, gathered."""

import asyncio
import json
import resource
import sys
import time


def resident(name: str) -> int:
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(name + ":"):
                return 1024 * int(line.split()[1])
    return 0


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def sleeper() -> None:
    await asyncio.sleep(1)


async def sleepers(n: int) -> None:
    await asyncio.gather(*[sleeper() for _ in range(n)])


def main() -> int:
    library = sys.argv[1] if len(sys.argv) in (2, 3) else ""
    n = int(sys.argv[2]) if len(sys.argv) == 3 else 100_000
    if library == "uvloop":
        import uvloop

        uvloop.install()
    elif library != "asyncio":
        print("usage: sleepers.py asyncio|uvloop [N]", file=sys.stderr)
        return 2
    memory, cpu, begin = resident("VmRSS"), cpu_seconds(), time.monotonic()
    asyncio.run(sleepers(n))
    wall = time.monotonic() - begin
    print(
        json.dumps(
            {
                "library": library,
                "n": n,
                "wall_s": round(wall, 3),
                "cpu_s": round(cpu_seconds() - cpu, 3),
                "bytes_per_sleeper": round((resident("VmHWM") - memory) / n, 1),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
