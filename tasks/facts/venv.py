"""What Python has installed on a target."""

from __future__ import annotations

import json
import shlex
from typing import Dict, List, NamedTuple, Sequence, Set

from packaging.utils import canonicalize_name
from pyinfra.api import FactBase

from tasks.facts.files import DONE, Judged
from tasks.lib import target_python

# Installers write both last; a distribution without one of them was interrupted.
COMPLETE = "[ -s $d/INSTALLER ] && [ -s $d/RECORD ]"


class Distributions(FactBase[Set[str]]):
    """``name==version`` of every completely installed distribution of a virtual environment.

    pyinfra's PipPackages counts a distribution whose installation was interrupted, and starts pip: 0.7 s in place of 0.15 s.
    """

    def command(self, env: str) -> str:
        folders = shlex.quote(env) + "/lib/python3*/site-packages/*.dist-info"
        return f"for d in {folders}; do {COMPLETE} && echo $d/RECORD; done; true"

    default = set

    def process(self, output: List[str]) -> Set[str]:
        names = (line.split("/")[-2][: -len(".dist-info")] for line in output if line.endswith("/RECORD"))
        parts = (name.partition("-") for name in names)
        return {f"{canonicalize_name(name)}=={version}" for name, _, version in parts}


class Damage(NamedTuple):
    """What is not as it was installed in a virtual environment.

    Attributes:
        damaged: ``name-version`` of a distribution -> its dist-info folder, for those with a file that is not as RECORD says.
        aside: paths that are in the way of others, or not root's.
        mend: is there anything to mend that needs no download?
        unknown: is what venv itself made not as it was, or does nothing say how it was?
        failed: could Python not look? A module of it may be gone, which an operation before puts back.
    """

    damaged: Dict[str, str] = {}
    aside: Sequence[str] = ()
    mend: bool = False
    unknown: bool = False
    failed: bool = False


def venv_check(action: str, env: str, ours: Sequence[str]) -> str:
    """Say in shell how to run files/jupyter/venv_check.py."""
    return target_python.command("jupyter/venv_check", [action, env, *ours], ["jupyter/bytecode_check"])


class VenvDamage(FactBase[Damage]):
    """The :class:`Damage` of a virtual environment; none where there is none. pyinfra has no such fact.

    Args:
        ours: paths in it that others look after.
    """

    takes_long = True  # it looks at every file

    def command(self, env: str, ours: Sequence[str]) -> str:
        # A fact that fails ends the run before what mends it.
        path = shlex.quote(env)
        return f"if [ -e {path} ] || [ -L {path} ]; then {venv_check('damage', env, ours)} 2>/dev/null || :; else echo {{}}; fi"

    @staticmethod
    def default() -> Damage:
        return Damage(failed=True)

    def process(self, output: List[str]) -> Damage:
        try:
            return Damage(**json.loads(output[-1]))
        except (ValueError, TypeError):
            return self.default()


class UncompiledSources(Judged):
    """The Python sources below a folder without bytecode that fits; :data:`UNTOLD` where Python cannot look; none where there
    is no folder. pyinfra has no such fact."""

    takes_long = True

    def command(self, folder: str) -> str:
        program = target_python.command("jupyter/bytecode_check", ["uncompiled", folder])
        return f"if [ -d {shlex.quote(folder)} ]; then {program} 2>/dev/null || :; else echo {DONE}; fi"

    def process(self, output: List[str]) -> List[str]:
        return sorted(super().process(output))
