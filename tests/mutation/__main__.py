"""Mutation testing: which small changes of a module do its tests not see? docs/testing.md says how to read the answer."""

from __future__ import annotations

import ast
import importlib.machinery
import itertools
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import hypothesis
import pyinfra.api  # noqa: F401  # what all tests need is loaded once, before the forks
import pytest
import tomllib

from tests.mutation.mutate import mutants

HERE = Path(__file__).parent
ARGUMENTS = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:timeout", "--hypothesis-profile=mutation"]
SECONDS = 60  # for the tests of one module; a mutant may never end, and is killed


def tested(job: tuple[str, list[str], int]) -> str:
    """What becomes of mutant ``number`` of the module (-1: the module as it is) in a process: lives, killed or late."""
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(SECONDS)
            os._exit(run(*job))
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {0: "lives", -signal.SIGALRM: "late"}.get(code, "killed")


def run(path: str, tests: list[str], number: int) -> int:
    """pytest's exit code."""
    code = compile(Path(path).read_text(), path, "exec", dont_inherit=True)
    if number >= 0:
        tree = next(itertools.islice(mutants(ast.parse(Path(path).read_text())), number, None))[1]
        code = compile(tree, path, "exec", dont_inherit=True)  # type: ignore[arg-type]
    usual = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> object:
        return code if Path(self.path).resolve() == Path(path).resolve() else usual(self, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return pytest.main([*ARGUMENTS, *tests])


def main(chosen: list[str]) -> int:
    """Print each mutant that lives and is not known to be the same program, and a line for each module."""
    hypothesis.settings.register_profile("mutation", database=None, derandomize=True, deadline=None)
    lived = 0
    for path, told in tomllib.loads((HERE / "modules.toml").read_text()).items():
        if chosen and Path(path).stem not in chosen:
            continue
        names: list[str] = []
        for name, _ in mutants(ast.parse(Path(path).read_text())):  # the same words may stand in two places
            names.append(
                name if name not in names else f"{name} (no. {sum(one.startswith(name) for one in names) + 1})"
            )
        jobs = [(path, told["tests"], number) for number in range(-1, len(names))]
        with multiprocessing.get_context("fork").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
            sound, *fates = pool.map(tested, jobs, chunksize=1)
        if sound != "lives":
            sys.exit(f"{path}: its tests fail, or take too long, without a mutant")
        living = [name for name, fate in zip(names, fates, strict=True) if fate == "lives"]
        same = told.get("equivalent", {})
        for name in sorted(set(same) - set(living)):
            print(f"{path}: marked as equivalent, but gone or killed: {name}")
        missed = [name for name in living if name not in same]
        print(*(f"{path}: {name}" for name in missed), sep="\n", end="\n" if missed else "")
        counts = f"{len(living) - len(missed)} equivalent, {fates.count('late')} late, {len(missed)} survived"
        print(f"{path}: {len(names)} mutants, {counts}", flush=True)
        lived += len(missed)
    return 1 if lived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
