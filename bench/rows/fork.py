"""A fork's environment: writing down what a project has, and installing the same elsewhere."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from bench import debian_sources
from bench.results import OURS, Result, Target
from bench.rows.nothing_to_do import BIN
from bench.workbench import Workbench
from builder import docker as client
from builder.errors import BuildError
from tasks.operations.r import debian_name
from tests.fakes import wheels
from tests.fakes.serve import Server, gateway

NAME = "fork"
REPEATS = 2
PIP, COMPILED = "pip install -r", "compiled"
MANY = 300  # small ones, beside the others when all is written down
# Distributions of PyPI that are not in the image: some with compiled code, some older than the newest.
PYTHON = (
    "aiohttp==3.9.5", "alembic==1.13.1", "altair==5.3.0", "arrow==1.3.0", "asyncpg==0.29.0", "bokeh==3.4.1",
    "boltons==24.0.0", "cachetools==5.3.3", "cryptography==42.0.8", "dask==2024.5.0", "django==4.2.13",
    "faker==25.2.0", "fastapi==0.111.0", "inflect==7.2.1", "h5py==3.11.0", "hypothesis==6.103.0", "lxml==5.2.2",
    "msgpack==1.0.8", "jellyfish==1.0.4", "orjson==3.10.3", "pendulum==3.0.0", "pyarrow==16.1.0", "pydantic==2.7.1",
    "redis==5.0.4", "rich==13.7.1", "tenacity==8.3.0", "shapely==2.0.4", "nltk==3.8.1", "statsmodels==0.14.2",
    "sympy==1.12", "toolz==0.12.1", "tqdm==4.66.4", "wrapt==1.15.0", "xarray==2024.5.0", "humanize==4.9.0",
    "setuptools==69.5.1", "wheel==0.43.0", "more-itertools==10.2.0", "networkx==3.2.1", "docutils==0.20.1",
)  # fmt: skip
R = (
    "abind", "bdsmatrix", "bitops", "blob", "caTools", "chron", "coda", "DBI", "deSolve", "diffobj", "dplyr",
    "fastmatch", "gclus", "goftest", "gtools", "later", "lazyeval", "maps", "mvtnorm", "numDeriv", "plyr",
    "polyclip", "processx", "proxy", "ps", "purrr", "quadprog", "ranger", "reshape", "reshape2", "tensor",
    "tidyr", "truncnorm", "waldo", "xtable", "permute", "highr", "iterators", "xts", "zoo",
)  # fmt: skip
NOTE = (
    "A project whose user has installed 40 pinned Python distributions with all they need, and 40 R packages with "
    "theirs, beyond the image, and a fork of it. Python: `melda-env restore` of that part, fetching uv included, "
    "against `pip install -r` of the same freeze by the same user; both from wheels that lie in the container. R: "
    "`melda-env restore` of those whose sources Debian's mirror has, binaries by apt, whose lists are fetched too, "
    "against `install.packages()` of the same from a CRAN-like repository on the same machine, with one process as R "
    "does it, once; what they need is there for that one. At the end `melda-env diff` has to find nothing. Written "
    "down: `melda-env capture`, 300 small packages made for it beside the others."
)


def as_user(workbench: Workbench, container: str, command: str) -> float:
    """Seconds of a command in a login shell of the user."""
    began = time.monotonic()
    workbench.run(command, [workbench.docker, "exec", container, "su", "-", "melda", "-c", command])
    return time.monotonic() - began


def download(workbench: Workbench, folder: Path, version: str) -> None:
    """Wheels of :data:`PYTHON` and of all they need, of uv, and small ones."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", "--python-version", version]
    workbench.run("downloading wheels", [*pip, "--dest", str(folder), *PYTHON])
    uv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder)]
    workbench.run("downloading uv", [*uv, "--require-hashes", "-r", "files/jupyter/uv.txt"])
    (folder / "many").mkdir()
    for number in range(MANY):
        name = f"meldamany{number}"
        wheels.build(folder / "many", name, "1.0", {f"{name}/__init__.py": ""}, hashed=True)
    (folder / "pip.conf").write_text(
        "[global]\nno-index = true\nfind-links = /wheels\ndisable-pip-version-check = true\n"
    )
    for path in (folder, folder / "many"):
        path.chmod(0o755)


@contextlib.contextmanager
def running(workbench: Workbench, image: str, name: str, folder: Path) -> Iterator[str]:
    """A container whose services run, with the wheels."""
    options = ["--volume", f"{folder}:/wheels:ro", "--volume", f"{folder}/pip.conf:/etc/pip.conf:ro"]
    with workbench.container(name, image, "start-jupyter", options) as container:
        workbench.wait(container, "start-jupyter: ready: ")
        yield container


@contextlib.contextmanager
def with_bspm(workbench: Workbench, mirror: str) -> Iterator[str]:
    """Jupyter without curated packages, and with bspm: an image."""
    image = f"{workbench.token}-fork"
    with workbench.container("fork-base", f"{workbench.token}-app-base") as name:
        provision = [str(BIN / "pyinfra"), "-y", f"@docker/{name}", "deploy.py", "--data", "packages=none"]
        workbench.run("provisioning", [*provision, "--data", f"cran_mirror={mirror}"])
        client.call(workbench.docker, "commit", name, image)
    try:
        yield image
    finally:
        subprocess.run([workbench.docker, "image", "rm", "--force", image], capture_output=True, check=False)


def part(document: dict[str, Any], kind: str, names: Collection[str] = ()) -> str:
    """Return a capture that has one language alone, of that what ``names`` has, if any are given."""
    other = "r" if kind == "python" else "python"
    chosen = [entry for entry in document[kind]["packages"] if not names or entry["name"] in names]
    return json.dumps(
        {**document, kind: {**document[kind], "packages": chosen}, other: {**document[other], "packages": []}}
    )


def captured(workbench: Workbench, container: str) -> dict[str, Any]:
    """Return what melda-env says is installed."""
    command = ["exec", "--user", "melda", container, "melda-env", "capture", "-"]
    found: dict[str, Any] = json.loads(client.call(workbench.docker, *command))
    return found


class Parent:
    """What the project has, and how long it took to have it the other way.

    Attributes:
        document: the capture.
        times: seconds of each way.
        capture: seconds of writing down :data:`MANY` packages.
    """

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self.times: dict[str, list[float]] = {PIP: [], COMPILED: []}
        self.capture: list[float] = []

    def install(self, workbench: Workbench, container: str, had: list[str], mirror: str) -> None:
        """Install everything, and write it down."""
        as_user(workbench, container, "pip install -q " + " ".join(PYTHON))
        everything = ", ".join(f'"{name}"' for name in R)
        as_user(workbench, container, f"Rscript -e 'install.packages(c({everything}))'")
        self.document = captured(workbench, container)
        missing = set(R) - {entry["name"] for entry in self.document["r"]["packages"]}
        if missing:
            raise BuildError(f"apt has no {' '.join(sorted(missing))}: another package has to take its place")
        # What they need is there: apt brought it for the same packages.
        compile_ = f'lib="compiled", repos="{mirror}"'
        sources_ = ", ".join(f'"{name}"' for name in had)
        line = f"mkdir compiled && Rscript --vanilla -e 'install.packages(c({sources_}), {compile_})'"
        self.times[COMPILED].append(as_user(workbench, container, line))
        made = client.call(workbench.docker, "exec", container, "ls", "/home/melda/compiled").split()
        if set(had) - set(made):
            raise BuildError(f"R could not compile {' '.join(sorted(set(had) - set(made)))}")
        as_user(workbench, container, "pip install -q --no-deps --find-links /wheels/many /wheels/many/*.whl")
        for _ in range(3):
            self.capture.append(as_user(workbench, container, "melda-env capture --no-files /tmp/all.json"))

    def freeze(self) -> str:
        """requirements.txt of the Python part."""
        return "".join(f"{one['name']}=={one['version']}\n" for one in self.document["python"]["packages"])


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Seconds of a fork's environment.

    Raises:
        BuildError: a fork is not what its parent is.
    """
    python = workbench.python().rpartition(".")[0]
    parent = Parent()
    ours: dict[str, list[float]] = {"python": [], "r": []}
    with tempfile.TemporaryDirectory(prefix="melda-bench-fork-") as temporary:
        folder, root = Path(temporary) / "wheels", Path(temporary) / "cran"
        Path(temporary).chmod(0o755)
        folder.mkdir()
        download(workbench, folder, python)
        found = debian_sources.repository(workbench, [debian_name(name) for name in R], root)
        had = [name for name in R if name in found]
        with Server(root, gateway(docker=workbench.docker)) as server, with_bspm(workbench, server.url) as image:
            with running(workbench, image, "parent", folder) as container:
                parent.install(workbench, container, had, server.url)
            for _ in range(repeats):
                with running(workbench, image, "fork", folder) as container:
                    for kind, only in (("python", []), ("r", had)):
                        path = f"/tmp/{kind}.json"
                        workbench.put(container, path, part(parent.document, kind, only))
                        ours[kind].append(as_user(workbench, container, f"melda-env restore {path}"))
                    path = "/tmp/parent.json"
                    workbench.put(container, path, json.dumps(parent.document))
                    as_user(workbench, container, f"melda-env restore {path}")
                    as_user(workbench, container, f"melda-env diff {path}")
                with running(workbench, image, "pip", folder) as container:
                    path = "/tmp/requirements.txt"
                    workbench.put(container, path, parent.freeze())
                    parent.times[PIP].append(as_user(workbench, container, f"pip install -q -r {path}"))
                print(f"    {ours}, {parent.times}, capture {parent.capture}", flush=True)
    counts = {kind: len(parent.document[kind]["packages"]) for kind in ours}
    names = {
        "python": f"a fork's {counts['python']} Python packages",
        "r": f"{len(had)} of a fork's {counts['r']} R packages",
    }
    compiled = f"the same {COMPILED}"
    everything = f"writing down {sum(counts.values()) + MANY} packages"
    return [
        Result(names["python"], "s", {OURS: ours["python"], PIP: parent.times[PIP]}, [Target(0.3, PIP)]),
        Result(names["r"], "s", {OURS: ours["r"], compiled: parent.times[COMPILED]}, [Target(0.1, compiled)]),
        Result(everything, "s", {OURS: parent.capture}, [Target(2.0)]),
    ]
