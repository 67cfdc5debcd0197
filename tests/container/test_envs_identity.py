"""Capture, restore, capture is the identity, through the real pip, uv and R: environments that have each way a package comes.

In `make test-all`; in each `make test` one such environment makes its way in test_envs_command.py.
"""
# ruff: noqa: F811 pytest finds the fixtures that are imported here by their names

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.fakes.serve import Server

from .forks import PROJECT, Fork, cran, forks, hand, sources, with_bspm  # noqa: F401

OWL = "/wheels/local/owl-3.0-py3-none-any.whl"
PYTHON = st.dictionaries(st.sampled_from(["zebra", "yak"]), st.sampled_from(["1.0", "2.0"]))
# What else there is: from source, from a local wheel; R from CRAN's archive, with compiled code, from a local folder.
MORE = st.sets(st.sampled_from(["lynx==1.0", OWL]))
R = st.sets(st.sampled_from(["meldapure_0.9.0", "meldapure", "meldanative", "meldalocal"]), max_size=3)


@pytest.fixture(scope="module")
def two(forks: Any) -> tuple[Fork, Fork]:
    """Two containers whose users have installed nothing, and know how to come back to that."""
    made: tuple[Fork, Fork] = (forks(), forks())
    for fork in made:
        fork.captured()
        fork.shell(f"cp {PROJECT}/environment.json nothing.json")
    return made


def install(one: Fork, cran: Server, python: list[str], r: set[str]) -> None:
    """Install it as a user does."""
    if python:
        one.shell("pip install -q " + " ".join(python))
    for name in sorted(r):
        if name == "meldalocal":
            one.shell("R CMD INSTALL --library=$(ls -d project/R-*) /wheels/local/meldalocal 2>&1")
        elif "_" in name:
            one.r(f'install.packages("{cran.url}/src/contrib/Archive/meldapure/{name}.tar.gz", repos = NULL)')
        else:
            one.r(f'install.packages("{name}")')


@pytest.mark.full
@pytest.mark.parametrize("phase", [Phase.explicit, Phase.generate])
def test_it_is(docker: str, cran: Server, two: tuple[Fork, Fork], tmp_path: Path, phase: Phase) -> None:
    before, after = two
    seen: list[int] = []

    # No shrinking: an example takes many seconds, and is small already.
    @settings(
        max_examples=5,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[phase],
        suppress_health_check=list(HealthCheck),
    )
    @given(python=PYTHON, more=MORE, r=R)
    @example(
        python={"yak": "2.0", "zebra": "2.0"},
        more={OWL, "lynx==1.0"},
        r={"meldapure_0.9.0", "meldalocal", "meldanative"},
    )
    @example(python={"zebra": "1.0"}, more=set(), r={"meldapure", "meldalocal"})
    def identity(python: dict[str, str], more: set[str], r: set[str]) -> None:
        for fork in two:
            code, output = fork.env("restore --prune nothing.json")
            assert code == 0 and fork.env("diff nothing.json") == (0, ""), output
        install(before, cran, [f"{name}=={version}" for name, version in python.items()] + sorted(more), r)
        was = before.captured()
        seen.append(len(was["python"]["packages"]) + len(was["r"]["packages"]))
        for name in ("environment.json", "environment.json.files"):
            source = f"{before.name}:{PROJECT}/{name}"
            subprocess.run([docker, "cp", source, str(tmp_path)], capture_output=True, check=False)
        path = hand(docker, tmp_path, after)
        code, output = after.env(f"restore {path}")
        assert code == 0, output
        assert after.env(f"diff {path}") == (0, "")
        now = after.captured()
        for kind in ("python", "r"):
            assert [(one["name"], one["version"]) for one in now[kind]["packages"]] == [
                (one["name"], one["version"]) for one in was[kind]["packages"]
            ]
        assert json.dumps(now["system"]["packages"]) == json.dumps(was["system"]["packages"])

    identity()
    assert max(seen) >= 3, f"nothing much was installed: {seen}"
