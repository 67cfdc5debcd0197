"""What the user installs for the browser is found, and what cannot be read of it is left out.

JupyterLab's server would answer 500 for every page; and where kernels lie is no option of Jupyter's.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, Dict, List

from melda.jupyter import served_files

MODULE = "jupyterlab_server.config"
KERNELS = "jupyter_client.kernelspec"


def install() -> None:
    """Let the Jupyter that was loaded look into the user's folders too, behind the image's."""
    _kernels()
    _extensions()


def _kernels() -> None:
    module: Any = sys.modules.get(KERNELS)
    if module is None:
        return
    paths = module.jupyter_path

    def behind(*names: str) -> List[str]:
        root = os.environ.get("VIRTUAL_ENV", "")  # known when everything is ready
        return [*paths(*names), *([os.path.join(root, "share", "jupyter", *names)] if root else [])]

    module.jupyter_path = behind


def _extensions() -> None:
    module: Any = sys.modules.get(MODULE)
    if module is None:
        return
    # By the event loop, for each page: a folder whose storage does not answer is left out.
    look = module.get_federated_extensions
    find = served_files.soon(lambda folder: look([folder]))

    def found(folders: List[str]) -> Dict[str, Any]:
        extensions: Dict[str, Any] = {}
        for folder in folders:
            try:
                more = find(folder)
            except Exception as error:
                logging.getLogger("ServerApp").warning("the extensions in %s are left out: %r", folder, error)
                continue
            extensions = {**more, **extensions}  # the first has the last word
        return extensions

    module.get_federated_extensions = found
