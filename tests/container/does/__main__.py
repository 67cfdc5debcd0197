"""Prints JSON: of the packages that are named, which failed, and why."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable

from . import core, models, services, tables


def main(names: list[str]) -> dict[str, str]:
    """Return what failed, by package."""
    os.chdir(tempfile.mkdtemp())
    warnings.simplefilter("ignore")
    failed = {}
    for name in names:
        called = name.replace("-", "_")
        does = [vars(part)[called] for part in (core, tables, models, services) if called in vars(part)]
        try:
            run: Callable[[], None] = does[0]
            run()
        except BaseException as error:
            failed[name] = repr(error)[:500] if does else "it has no entry"
    return failed


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
