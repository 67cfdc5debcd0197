"""An extension of the user's that cannot be read is left out; JupyterLab's server would answer 500 for every page."""

from __future__ import annotations

import logging
import sys
from typing import Any, Dict, List

MODULE = "jupyterlab_server.config"


def install() -> None:
    """Let the JupyterLab server that was loaded look into each folder of extensions by itself."""
    module: Any = sys.modules.get(MODULE)
    if module is None:
        return
    find = module.get_federated_extensions

    def found(folders: List[str]) -> Dict[str, Any]:
        extensions: Dict[str, Any] = {}
        for folder in folders:
            try:
                more = find([folder])
            except Exception as error:
                logging.getLogger("ServerApp").warning("the extensions in %s are left out: %r", folder, error)
                continue
            extensions = {**more, **extensions}  # the first has the last word
        return extensions

    module.get_federated_extensions = found
