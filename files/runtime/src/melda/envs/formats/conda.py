"""environment.yml, as conda, mamba and repo2docker read it. conda-forge has most of CRAN; Python's packages stay pip's."""

from __future__ import annotations

import json
from typing import List

from melda.envs import Json
from melda.envs.formats import freeze

NAME = "melda"


def name(package: str) -> str:
    """Return what conda-forge calls an R package."""
    return "r-" + package.lower()


def version(given: str) -> str:
    """Return a version as conda writes it, in which a - would begin the build."""
    return given.replace("-", "_")


def _item(text: str, depth: int = 1) -> str:
    # JSON's strings are YAML's, whatever is in them.
    return "  " * depth + "- " + json.dumps(text, ensure_ascii=False) + "\n"


def write(found: Json) -> str:
    """Return all packages that conda or pip can have; the others stand in a comment."""
    lines: List[str] = [f"name: {NAME}\n", "channels:\n", _item("conda-forge"), "dependencies:\n"]
    if found["python"]["version"]:
        lines.append(_item("python={0}".format(found["python"]["version"])))
    if found["r"]["version"]:
        lines.append(_item("r-base={0}".format(found["r"]["version"])))
    left_out: List[str] = []
    for entry in found["r"]["packages"]:
        kind = entry["source"]["type"]
        if kind in ("cran", "apt"):
            lines.append(_item("{0}={1}".format(name(entry["name"]), version(entry["version"]))))
        elif kind == "bioconductor":
            lines.append(_item("bioconductor-{0}={1}".format(entry["name"].lower(), version(entry["version"]))))
        else:
            left_out.append("# R {0} {1} ({2})\n".format(entry["name"], entry["version"], kind))
    wanted = [freeze.line(entry) for entry in found["python"]["packages"]]
    left_out += [line + "\n" for line in wanted if line.startswith("#")]
    wanted = [line for line in wanted if not line.startswith("#")]
    if wanted:
        lines += [_item("pip"), "  - pip:\n", *(_item(line, 3) for line in wanted)]
    heading = ["# Not in here, as no channel has them:\n"] if left_out else []
    return "".join([*lines, *heading, *left_out])
