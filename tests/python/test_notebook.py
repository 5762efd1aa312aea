# SPDX-License-Identifier: Apache-2.0
# examples/notebook/notebook.ipynb, executed by Debian's Jupyter with little work.
import json
import os
import subprocess
import sys
import unittest

from package import ProgramTest

try:
    import ipykernel  # noqa: F401
    import nbclient  # noqa: F401

    HAS_JUPYTER = True
except ImportError:
    HAS_JUPYTER = False

NOTEBOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "notebook", "notebook.ipynb")

EXECUTE = """
import nbclient, nbformat, sys
notebook = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


@unittest.skipUnless(HAS_JUPYTER, "this Python has no nbclient, or no ipykernel")
class Notebook(ProgramTest):
    def executed(self):
        """(source, text of its outputs) of each code cell."""
        result = os.path.join(self.folder, "executed.ipynb")
        work = {"NOTEBOOK_N": "20000", "NOTEBOOK_DELAY": "0.02", "NOTEBOOK_ROUNDS": "1"}
        folders = {f"{kind}_DIR": os.path.join(self.folder, kind) for kind in ("JUPYTER_RUNTIME", "JUPYTER_CONFIG", "JUPYTER_DATA")}
        folders["IPYTHONDIR"] = os.path.join(self.folder, "ipython")
        done = subprocess.run([sys.executable, "-B", "-c", EXECUTE, NOTEBOOK, result], cwd=self.folder, stdin=subprocess.DEVNULL,
                              env={**self.environment(), **work, **folders}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(result) as file:
            cells = json.load(file)["cells"]
        return [("".join(cell["source"]), self.text_of(cell["outputs"])) for cell in cells if cell["cell_type"] == "code"]

    def text_of(self, outputs):
        text = ""
        for output in outputs:
            self.assertNotEqual(output["output_type"], "error")
            if output.get("name") == "stderr":
                continue
            data = output.get("data", {})
            text += "".join(output.get("text", data.get("text/html", data.get("text/plain", ""))))
        return text

    def test_every_cell_does_what_is_said_of_it(self):
        output = dict(self.executed())

        def of(start):
            return next(text for source, text in output.items() if start in source)

        self.assertRegex(of("async def fetch("), r"'answer 4'\]\ncoroutines: [\d.]+ s")
        self.assertRegex(of("def fetch_blocking("), r"'answer 4'\]\nthreads: [\d.]+ s")
        self.assertRegex(of("by_threads ="), r"threads: [\d.]+ s\ncoroutines: [\d.]+ s")
        self.assertIn("failed: ", of("get_context"))
        self.assertRegex(of("by_processes ="), r"processes: [\d.]+ s")
        every = ("serial", "async", "threads", "processes")
        for cell, models in (("waiting =", every), ("blocking =", ("async", "threads")), ("computing =", every)):
            for model in models:
                self.assertIn(f">{model}</td>", of(f"{cell} %compare"))
        self.assertIn("fetch(0) × 5", of("waiting ="))
        self.assertRegex(of("found.verdict"), r"waiting: \S[^\0]*blocks: \S[^\0]*computing: \S")


if __name__ == "__main__":
    unittest.main()
