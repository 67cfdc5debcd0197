"""Are packages that were carried over fit for this Python and R? Each is loaded once, by a process of its own kind."""

from __future__ import annotations

import os
from typing import Collection, List, Optional

from melda.base import interpreters
from melda.config import environ
from melda.envs.capture import python, r
from melda.envs.restore import loading, metadata, resolve, tools
from melda.plugins import set_paths
from melda.sync.upgrade_plan import Due
from melda.sync.upgrade_record import Failure

DOES_NOT_LOAD = "it is installed, and does not load: "  # what the reason of such a failure begins with
# As loading.IN_PYTHON, for R.
IN_R = """\
input <- file("stdin"); open(input)
while (length(name <- readLines(input, 1L))) {
  why <- tryCatch({ suppressMessages(suppressWarnings(loadNamespace(name))); "" },
                  error = function(e) gsub("[[:space:]]+", " ", conditionMessage(e)))
  cat("\\n=", name, "=", why, "\\n", sep = "")
}
"""


def of_python(place: environ.ImageLayout, root: str, names: Optional[Collection[str]] = None) -> List[Failure]:
    """Load distributions in the user's environment ``root``.

    Args:
        place: where things are.
        root: the environment.
        names: which; None: all.

    Returns:
        Those that do not load.
    """
    version = interpreters.python(place.python_env)
    found = python.in_folder(interpreters.site_packages(root, version))
    found = {name: one for name, one in found.items() if names is None or name in names}
    modules = {name: python.modules(one.distribution) for name, one in found.items()}
    env = {**tools.variables(place), "JUPYTER_WORKDIR": place.workdir}
    answers = loading.of_python(root, env, modules)
    return [Failure("python", name, found[name].entry["version"], why[:300]) for name, why in answers if why]


def of_r(place: environ.ImageLayout, root: str, names: Optional[Collection[str]] = None) -> List[Failure]:
    """Load packages in the user's library ``root``.

    Args:
        place: where things are.
        root: the library.
        names: which; None: all.

    Returns:
        Those that do not load.
    """
    listed = sorted(os.listdir(root)) if names is None else sorted(names)
    fields = {name: r.read(os.path.join(root, name)) for name in listed}
    versions = {name: found["Version"] for name, found in fields.items() if found}
    env = {**tools.variables(place), "R_LIBS": root}
    answers = loading.answers(["Rscript", "--vanilla", "-e", IN_R], env, [(name, name) for name in versions])
    return [Failure("r", name, versions.get(name, ""), why[:300]) for name, why in answers if why]


def unmet(place: environ.ImageLayout, names: Collection[str]) -> List[str]:
    """Return what distributions of the user's need that neither the image has, in a version that fits, nor the user."""
    version = interpreters.python(place.python_env)
    own = interpreters.site_packages(set_paths.plugins(place).python, version)
    stated = metadata.read([interpreters.site_packages(place.python_env, version), own])
    has = metadata.read([own]).versions
    needs = {need for name in names if name in has for need in stated.needs[name]}
    found = {need: resolve.unmet({"": [need]}, stated.versions) for need in needs}
    return sorted(
        need.partition(";")[0].strip() for need, wrong in found.items() for _, name in wrong if name not in has
    )


def is_there(place: environ.ImageLayout, due: Due, name: str) -> bool:
    """Is a package in the folder, whether it loads or not?"""
    root = os.path.join(place.workdir, due.target)
    if due.target.startswith("Python-"):
        return name in python.in_folder(interpreters.site_packages(root, interpreters.python(place.python_env)))
    return r.read(os.path.join(root, name)) is not None


def check(place: environ.ImageLayout, due: Due, names: Optional[Collection[str]] = None) -> List[Failure]:
    """Load what was taken over into a folder: packages of these names, or all.

    Returns:
        What does not load.
    """
    root = os.path.join(place.workdir, due.target)
    return of_python(place, root, names) if due.target.startswith("Python-") else of_r(place, root, names)
