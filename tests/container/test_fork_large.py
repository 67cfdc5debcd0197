"""A fork of a project with 40 Python and 40 R packages beyond the image: equal, and all of it can be loaded.

Older versions, one from source, some with compiled code, one from a local wheel. The pinned ones come from PyPI,
R's from apt and from the tests' CRAN-like repository.
"""

# ruff: noqa: F811 pytest finds the fixtures that are imported here by their names
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.rows.fork import PYTHON, R
from tests.fakes.serve import Server

from .forks import PROJECT, Fork, cran, forks, hand, sources, with_bspm  # noqa: F401

# Some of the former are in the image already.
FROM_APT = {*R, "RUnit", "contfrac", "crosstalk", "itertools", "mapproj", "praise", "registry", "sendmailR", "snow"}
# All that one of these distributions brings to be imported; what cannot be is named.
IMPORT = """
import importlib, json, sys
from importlib import metadata
wanted = set(json.load(open("{0}")))
failed = []
for module, distributions in metadata.packages_distributions().items():
    names = {{name.lower().replace("_", "-").replace(".", "-") for name in distributions}}
    if names & wanted and module.isidentifier() and not module.startswith("_"):
        wanted -= names
        try:
            importlib.import_module(module)
        except Exception as error:
            failed.append("{{0}}: {{1}}".format(module, error))
print(json.dumps([failed, sorted(wanted)]))
"""


@pytest.fixture(scope="module")
def many(sources: Path) -> Path:
    """The pinned distributions and all they need, beside the others."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", "--python-version", "3.11"]
    subprocess.run([*pip, "--dest", str(sources), *PYTHON], check=True)
    return sources


@pytest.mark.full
@pytest.mark.timeout(2400)
def test_forty_and_forty(
    docker: str,
    many: Path,
    cran: Server,
    forks: Any,
    tmp_path: Path,
) -> None:
    parent: Fork = forks()
    parent.shell(
        f"pip install -q {' '.join(PYTHON)} zebra==1.0 lynx && pip install -q /wheels/local/owl-3.0-py3-none-any.whl"
    )
    parent.r("install.packages(c({0}))".format(", ".join(f'"{name}"' for name in sorted(FROM_APT))))
    parent.r(f'install.packages("{cran.url}/src/contrib/Archive/meldapure/meldapure_0.9.0.tar.gz", repos = NULL)')
    parent.r('install.packages("meldanative")')
    parent.shell("R CMD INSTALL --library=$(ls -d project/R-*) /wheels/local/meldalocal 2>&1")
    found = parent.captured()
    python, r = ([one["name"] for one in found[kind]["packages"]] for kind in ("python", "r"))
    assert len(python) >= 40 and {"zebra", "lynx", "owl", "wrapt"} <= set(python)
    assert len(r) >= 40 and {"meldapure", "meldanative", "meldalocal"} <= set(r)
    assert set(r) | set(found["r"]["image"]) >= FROM_APT
    for name in ("environment.json", "environment.json.files"):
        subprocess.run([docker, "cp", f"{parent.name}:{PROJECT}/{name}", str(tmp_path / name)], check=True)
    fork: Fork = forks()
    path = hand(docker, tmp_path, fork)
    code, output = fork.env(f"restore {path}")
    assert code == 0, output
    assert fork.env(f"diff {path}") == (0, "")
    versions = [{one["name"]: one["version"] for one in document[kind]["packages"]} for kind in ("python", "r")
                for document in (found, fork.captured())]  # fmt: skip
    assert versions[0] == versions[1] and versions[2] == versions[3]
    pinned = [requirement.partition("==")[0] for requirement in PYTHON]
    fork.put("/tmp/pinned.json", json.dumps([*pinned, "zebra", "lynx", "owl"]))
    fork.put("/tmp/load.py", IMPORT.format("/tmp/pinned.json"))
    assert json.loads(fork.shell("python /tmp/load.py 2>/dev/null").splitlines()[-1]) == [[], []]
    every = ", ".join(f'"{name}"' for name in r)
    loaded = f'for (x in c({every})) if (!requireNamespace(x, quietly = TRUE)) cat("CANNOT", x, "")'
    assert "CANNOT" not in fork.r(loaded)
