"""Loading packages once, in a process of their own: one that ends with a package is begun again with the next."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

SECONDS = 60.0  # for one package
ANSWER = re.compile(r"^=([^=\n]+)=(.*)$", re.MULTILINE)
# A package a line on standard input; the answer is =NAME=, and why it does not load. What it prints itself goes nowhere, and
# what it reads is empty: the questions are not for it.
IN_PYTHON = """\
import importlib, json, os, sys
out, asked = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace"), os.fdopen(os.dup(0))
for number in (0, 1):
    os.dup2(os.open(os.devnull, os.O_RDWR), number)
for line in asked:
    name, modules = json.loads(line)
    why = ""
    try:
        for module in modules:
            importlib.import_module(module)
    except BaseException as error:
        why = "{0}: {1}".format(type(error).__name__, error)
    out.write("={0}={1}\\n".format(name, " ".join(why.split())))
    out.flush()
os._exit(0)
"""


def of_python(root: str, env: Dict[str, str], modules: Mapping[str, Sequence[str]]) -> Iterator[Tuple[str, str]]:
    """As :func:`answers`, of the modules of distributions in the environment ``root``."""
    questions = [(name, json.dumps([name, list(found)])) for name, found in modules.items()]
    return answers([os.path.join(root, "bin", "python"), "-c", IN_PYTHON], env, questions)


def answers(command: List[str], env: Dict[str, str], questions: Sequence[Tuple[str, str]]) -> Iterator[Tuple[str, str]]:
    """Return name and reason of each question; a process that ends at one is begun again with the next.

    Raises:
        OSError: it cannot be run.
    """
    left = list(questions)
    while left:
        text = "".join(line + "\n" for _, line in left)
        try:
            done = subprocess.run(
                command, input=text, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, cwd="/",
                encoding="utf-8", errors="replace", timeout=SECONDS * len(left), check=False,
            )  # fmt: skip
            output, ended = done.stdout, f"the process ended with exit code {done.returncode}"
        except subprocess.TimeoutExpired as error:
            output = error.stdout.decode("utf-8", "replace") if isinstance(error.stdout, bytes) else error.stdout or ""
            ended = f"it took longer than {SECONDS * len(left):.0f} s"
        found = ANSWER.findall(output)
        yield from found
        told = {name for name, _ in found}
        left = [one for one in left if one[0] not in told]
        if left:
            yield left.pop(0)[0], ended
