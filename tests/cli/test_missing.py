# SPDX-License-Identifier: Apache-2.0
"""What the command line promises (DESIGN.md, section 3) and this version refuses. When something here has come to exist
the test fails: then a test of it belongs into one of the files beside this one."""

import unittest

from tool import ToolTest

MISSING = {
    "command": [("run",)],
}


class Missing(ToolTest):
    def test_what_is_missing_is_refused(self):
        for kind, calls in MISSING.items():
            for call in calls:
                with self.subTest(kind=kind, call=" ".join(call)):
                    done = self.run_tool(*call)
                    self.assertEqual(done.returncode, 2, "it exists now: test it beside the others")
                    self.assertEqual(done.stderr_text.count("\n"), 1, done.stderr_text)


if __name__ == "__main__":
    unittest.main()
