"""What a target says of itself: the variables of its ENV, and those that an earlier run wrote down."""

from __future__ import annotations

from typing import Dict, List, NamedTuple

from melda.base.paths import ENVIRONMENT
from pyinfra.api import FactBase

from tasks.lib.host_kind import IS_HOST

NAMES = ("username", "UHOME", "JUPYTER_WORKDIR", "SRC", "LANG", "PATH")


class Variables(NamedTuple):
    """Variables by their names.

    Attributes:
        written: in our block of /etc/environment.
        docker: of a container, or of an image under construction: ENV, which wins over what is written. Empty on a host,
            whose logins read them from the file.
        is_host: is it a host?
    """

    written: Dict[str, str]
    docker: Dict[str, str]
    is_host: bool


class ImageVariables(FactBase[Variables]):
    """The variables that tell where things are. pyinfra has no fact that keeps ENV and files apart."""

    def command(self) -> str:
        names = "|".join(NAMES)
        return (
            f"if {IS_HOST}; then echo host; else printenv | grep -E '^({names})=' | sed s/^/docker:/; fi;"
            f" sed -n '/^# BEGIN melda-jupyter$/,/^# END melda-jupyter$/s/^\\([A-Za-z]\\)/written:\\1/p' {ENVIRONMENT}"
            " 2>/dev/null || true"
        )

    @staticmethod
    def default() -> Variables:
        return Variables({}, {}, False)

    def process(self, output: List[str]) -> Variables:
        found: Dict[str, Dict[str, str]] = {"written": {}, "docker": {}}
        for line in output:
            kind, _, text = line.partition(":")
            name, equals, value = text.partition("=")
            if kind in found and equals:
                found[kind][name] = value
        return Variables(found["written"], found["docker"], "host" in output)
