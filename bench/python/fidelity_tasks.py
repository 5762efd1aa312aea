# SPDX-License-Identifier: Apache-2.0
# What fidelity.py runs: what programs do, in turns, rather than one tight loop. That would be faster or slower by a tenth by where a
# process happens to have its objects: `import re` alone makes the notebook's cpu_task 9 % slower, `import json`, which imports it, 1 %.
import json
import re

TEXT = json.dumps([{"name": f"item {i}", "price": i * 1.5, "tags": ["a", "b", str(i)]} for i in range(2000)])
NUMBER = re.compile(r"item (\d+)")


def parse(times):
    found = 0
    for _ in range(times):
        items = json.loads(TEXT)
        found += sum(int(NUMBER.match(item["name"])[1]) for item in items if item["price"] > 100)
        items.sort(key=lambda item: item["tags"][2])
    return found
