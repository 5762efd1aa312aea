# SPDX-License-Identifier: Apache-2.0
"""Does the cookbook show the code that the tests compile and run?

    check_page.py PAGE SOURCE...          says what differs, and fails if anything does
    check_page.py --fix PAGE SOURCE...    puts the code of the sources into the page

The code of a recipe stands in a source between `// [recipe: NAME]` and `// [end]`; several such parts make one. In the
page it is the block of C++ under the heading NAME, which may have a number in front: `## 3. NAME`.
"""

import difflib
import pathlib
import re
import sys

MARKED = re.compile(r"^// \[recipe: ([^\n]+)\]\n(.*?)^// \[end\]$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"^// \[recipe: .+\]$", re.MULTILINE)
HEADING = re.compile(r"^## (?:\d+\. )?(.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```cpp\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def recipes_of(sources):
    recipes = {}
    for source in sources:
        text = source.read_text(encoding="utf-8")
        marked = MARKED.findall(text)
        if len(marked) != len(MARK.findall(text)):
            sys.exit(f"{source}: a recipe does not end: // [end] is missing")
        for name, code in marked:
            recipes[name] = recipes[name] + "\n" + code if name in recipes else code
    return recipes


def sections_of(text):
    """(name, begin, end) of each section."""
    found = list(HEADING.finditer(text))
    ends = [heading.start() for heading in found[1:]] + [len(text)]
    return [(heading.group(1), heading.end(), end) for heading, end in zip(found, ends)]


def check(page, recipes):
    text = page.read_text(encoding="utf-8")
    wrong, fixed, copied, shown = [], "", 0, set()
    for name, begin, end in sections_of(text):
        blocks = list(BLOCK.finditer(text, begin, end))
        if not blocks:
            continue
        if name not in recipes:
            wrong.append(f'"{name}" is no recipe of the tests: its code is not compiled')
            continue
        if len(blocks) > 1:
            wrong.append(f'"{name}" has {len(blocks)} blocks of C++, of which only one can be the recipe')
            continue
        shown.add(name)
        if blocks[0].group(1) != recipes[name]:
            wrong.append(f'"{name}" is not what the tests compile:')
            wrong += difflib.unified_diff(blocks[0].group(1).splitlines(), recipes[name].splitlines(),
                                          "page", "tests", lineterm="", n=1)
        fixed += text[copied : blocks[0].start(1)] + recipes[name]
        copied = blocks[0].end(1)
    wrong += [f'"{name}" is not on the page, or without a block of C++' for name in recipes if name not in shown]
    return wrong, fixed + text[copied:]


def main(arguments):
    fix = arguments[:1] == ["--fix"]
    page, *sources = map(pathlib.Path, arguments[1:] if fix else arguments)
    recipes = recipes_of(sources)
    if not recipes:
        sys.exit("no recipe is marked in " + ", ".join(map(str, sources)))
    wrong, fixed = check(page, recipes)
    if fix:
        page.write_text(fixed, encoding="utf-8")
        wrong, _ = check(page, recipes)
    if wrong:
        sys.exit("\n".join([f"{page}:", *wrong, "", "check_page.py --fix puts the tests' code into the page."]))
    print(f"{page}: {len(recipes)} blocks, as the tests compile them")


main(sys.argv[1:])
