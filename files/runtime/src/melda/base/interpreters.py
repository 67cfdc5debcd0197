"""Which Python and which R the user has, found out without starting R."""

from __future__ import annotations

import os
import re
import subprocess
import sys

R_HOME = "/usr/lib/R"  # Debian and Ubuntu alike


def python(env: str) -> str:
    """Version of the Python in the virtual environment ``env``, like 3.11.2; empty if it does not run.

    pyvenv.cfg says which Python it was made with; apt may have upgraded that since.
    """
    program = os.path.join(env, "bin", "python")
    if os.path.realpath(program) == os.path.realpath(sys.executable):
        return "{0}.{1}.{2}".format(*sys.version_info[:3])
    code = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
    try:
        shown = subprocess.run(
            [program, "-ISc", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=10,
            encoding="ascii",
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return shown if re.fullmatch(r"\d+\.\d+\.\d+", shown) else ""


def site_packages(prefix: str, version: str) -> str:
    """Return where packages lie in the environment ``prefix`` of a Python ``version`` such as 3.11.2."""
    return os.path.join(prefix, "lib", "python" + ".".join(version.split(".")[:2]), "site-packages")


def r(home: str = R_HOME) -> str:
    """Version of R, like 4.2.2, from the description of its base package; empty if R is not installed."""
    try:
        with open(os.path.join(home, "library", "base", "DESCRIPTION"), encoding="utf-8", errors="replace") as stream:
            found = re.search(r"^Version:\s*(\d+\.\d+\.\d+)\s*$", stream.read(), re.MULTILINE)
    except OSError:
        return ""
    return found.group(1) if found else ""
