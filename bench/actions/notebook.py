"""Save a new notebook, then once more with an output, as Jupyter does."""

import os

from jupyter_server.services.contents.largefilemanager import LargeFileManager
from nbformat.v4 import new_code_cell, new_notebook, new_output


def act() -> None:
    manager = LargeFileManager(root_dir=os.getcwd())
    for outputs in ([], [new_output("stream", text="x" * 100_000)]):
        content = new_notebook(cells=[new_code_cell("print('x' * 100_000)", outputs=outputs)])
        manager.save({"type": "notebook", "content": content}, "work.ipynb")
        manager.create_checkpoint("work.ipynb")
