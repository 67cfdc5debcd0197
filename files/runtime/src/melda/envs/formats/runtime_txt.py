"""runtime.txt of Heroku and Binder, which names a language and no package.

https://repo2docker.readthedocs.io/en/latest/configuration/
"""

from __future__ import annotations

import re

from melda.envs.formats.reading import Reading, requirement

RUNTIME = re.compile(
    r"\s*(?:python-(?P<python>\d+(?:\.\d+){0,2})|r-(?:(?P<r>\d+(?:\.\d+)+)-)?(?P<day>\d{4}-\d\d-\d\d))\s*"
)


def is_one(text: str) -> bool:
    """Is this one?"""
    return bool(RUNTIME.fullmatch(text))


def read(reading: Reading, text: str) -> None:
    """Read which Python or R it names; with two numbers any release of these."""
    found = RUNTIME.fullmatch(text)
    if found and found.group("python"):
        version = found.group("python")
        reading.required(requirement(f"python=={version}" + ("" if version.count(".") > 1 else ".*")))
    elif found:
        reading.is_of("r", found.group("r") or "")
        reading.say(
            "R itself is not installed, and its packages are today's, not those of {0}".format(found.group("day"))
        )
