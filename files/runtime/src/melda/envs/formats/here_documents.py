"""Here-documents of a shell: text that a program is sent, which is no command unless that program is a shell.

https://www.gnu.org/software/bash/manual/bash.html#Here-Documents, https://docs.docker.com/reference/dockerfile/#here-documents
"""

from __future__ import annotations

import re
from typing import List, Tuple

from melda.envs.formats import r_calls, scripts

Lines = List[Tuple[int, str]]
BEGINS = re.compile(r"(?<![<$\d(])<<[-~]?(?![<=])\s*(?P<quote>['\"]?)(?P<end>[A-Za-z_]\w*)(?P=quote)")
SHELL = re.compile(
    r"(?:^|[\s/])(?:bash|sh|zsh|dash|su|ssh|runuser|newgrp)\b[^|]*$|(?:^|\s)(?:source|\.)\s+/dev/stdin\b|"
    r"^\s*(?:ONBUILD\s+)?RUN\s*(?:--\S+\s+)*$"
)
TO_SHELL = re.compile(r"\|\s*(?:sudo\s[^|;&]{0,80}?)?(?:[\w./~-]*/)?(?:bash|sh|zsh|dash)(?![\w./-])")
NAMED = ("SHELL", "SCRIPT")  # as a Vagrantfile calls them
R = re.compile(r"(?:^|[\s/])(?:R|Rscript|r|littler)(?:\s+-\S*)*\s*$")


def apart(lines: Lines) -> Tuple[Lines, Lines]:
    """Return lines without here-documents that are no commands, and the lines of those; one for R is a line that runs it."""
    if not any("<<" in line for _, line in lines):
        return lines, []
    ends = {line.strip(): at for at, (_, line) in enumerate(lines)}  # the last of each: none is looked for in vain
    found: Lines = []
    dropped: Lines = []
    at = 0
    while at < len(lines):
        number, line = lines[at]
        begins = BEGINS.search(line) if "<<" in line else None
        at += 1
        if not begins or ends.get(begins.group("end"), -1) < at:
            found.append((number, line))
            continue
        end = next(one for one in range(at, len(lines)) if lines[one][1].strip() == begins.group("end"))
        before, after, body = line[: begins.start()], line[begins.end() :], lines[at:end]
        found.append((number, before + after))
        if _are_commands(before, after, begins.group("end"), body):
            found += body
        elif R.search(before) and r_calls.installs("\n".join(one for _, one in body)):
            found.append((body[0][0], r_calls.command([one for _, one in body])))
        else:
            dropped += body
        at = end + 1
    return found, dropped


def _are_commands(before: str, after: str, name: str, body: Lines) -> bool:
    first = body[0][1].strip() if body else ""
    if first.startswith("#!"):
        return bool(scripts.SHEBANG.match(first))
    return bool(name in NAMED or SHELL.search(before) or TO_SHELL.search(after))
