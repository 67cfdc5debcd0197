"""`pip install pandas` by the user with the project in S3: its time, when it is durable, and the next container."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from bench import project
from bench.alternate import samples
from bench.project import Storage
from bench.results import OURS, Result, Target
from bench.rows.container_start import created, start
from bench.workbench import Workbench
from builder.errors import BuildError

NAME = "user-install"
REPEATS = 3
LOCAL, MOUNT = "local project", "onto the mount"
LIMIT = 90.0  # seconds after which the installation onto the mount is given up
IMPORTS = 5  # a container: one import is short beside what else a machine does
NOTE = (
    "The user's pandas: `pip install --ignore-installed pandas` in a login shell of melda, from wheels that lie in the "
    "container (downloads are the same for all), in a new project each time: in S3 (moto on the same machine); without a bucket; "
    f"and, once, with `--target` into a folder of the mount, killed after {LIMIT:g} s. Durable: from pip's end until the "
    "manifest that names it is in the bucket, whole. Next container: from Jupyter's first answer until `import pandas` of the "
    "user's has ended, in a container that has never seen the project. Import: `python3 -c 'import pandas'` in that container, "
    f"{IMPORTS} times after the first, against the container without a bucket."
)
INSTALL = "pip install -q --disable-pip-version-check --no-index --find-links /wheels --ignore-installed pandas"
# As a terminal does it, where PATH leads to the user's own pip. Seconds on the last line.
TIMED = "b=$(date +%s%N); {0}; s=$?; echo $((($(date +%s%N) - b) / 1000000)); exit $s"
IMPORT = "python3 -c 'import pandas; assert \"/project/\" in pandas.__file__'"


@contextlib.contextmanager
def wheels(workbench: Workbench, version: str) -> Iterator[str]:
    """A folder with pandas and what it needs, as wheels for the image's Python."""
    with tempfile.TemporaryDirectory(prefix="melda-bench-wheels-") as folder:
        Path(folder).chmod(0o755)
        wanted = ["--python-version", version, "--only-binary", ":all:", "--dest", folder, "pandas"]
        workbench.run("downloading pandas", [sys.executable, "-m", "pip", "download", "-q", *wanted])
        yield folder


@contextlib.contextmanager
def started(workbench: Workbench, options: list[str]) -> Iterator[tuple[str, float]]:
    """A container that is ready; its name, and when (time.monotonic()) Jupyter answered first."""
    with created(workbench, uuid.uuid4().hex[:8], options, ["start-jupyter"]) as name:
        began = time.monotonic()
        yield name, began + start(workbench, name, began)


def as_user(workbench: Workbench, name: str, command: str) -> float:
    """Seconds of a command in a login shell of the user.

    Raises:
        BuildError: it failed.
    """
    line = ["exec", name, "su", "-", "melda", "-c", TIMED.format(command)]
    return int(workbench.run(command, [workbench.docker, *line]).splitlines()[-1]) / 1000


def holds(manifest: bytes, package: str) -> bool:
    """Does a generation's manifest name a Python package? Not while it is written: s3fs makes an empty object first."""
    try:
        entries = json.loads(manifest)["entries"]
        return any(entry.endswith(f"/site-packages/{package}") for entry in entries)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def durable(s3: Storage, folder: str) -> float:
    """Wait until what is installed is in the bucket; when (time.monotonic()) that was.

    Raises:
        BuildError: it does not come.
    """
    client = s3.server.client()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        listed = client.list_objects_v2(Bucket=project.BUCKET, Prefix=f"{folder}/.melda-jupyter/Python-")
        for key in (item["Key"] for item in listed.get("Contents", [])):
            if key.endswith(".json") and holds(
                client.get_object(Bucket=project.BUCKET, Key=key)["Body"].read(), "pandas"
            ):
                return time.monotonic()
        time.sleep(0.05)
    raise BuildError("what was installed did not come into the bucket within 120 s")


def onto_the_mount(workbench: Workbench, options: list[str]) -> float:
    """Seconds of an installation onto the mount, or those after which it was killed.

    Raises:
        BuildError: it failed before.
    """
    with started(workbench, options) as (name, _):
        command = f"{INSTALL} --target $JUPYTER_WORKDIR/direct"
        killed = f"timeout --signal KILL {LIMIT:g} {command} || [ $? = 137 ]"
        took = as_user(workbench, name, killed)
        if took < LIMIT:  # it may have been killed by somebody else
            as_user(workbench, name, "PYTHONPATH=$JUPYTER_WORKDIR/direct python3 -c 'import pandas'")
        return took


class Measured:
    """What is measured with one installation."""

    def __init__(self) -> None:
        self.durable: list[float] = []
        self.next: list[float] = []
        self.imports: dict[str, list[float]] = {OURS: [], LOCAL: []}


def install(workbench: Workbench, s3: Storage, volume: list[str], kind: str, found: Measured) -> float:
    """Seconds of one installation; the rest goes into ``found``."""
    folder = uuid.uuid4().hex
    if kind == LOCAL:
        with started(workbench, volume) as (name, _):
            took = as_user(workbench, name, INSTALL)
            as_user(workbench, name, IMPORT)
            found.imports[LOCAL] += [as_user(workbench, name, IMPORT) for _ in range(IMPORTS)]
        return took
    options = [*s3.options(folder), *volume]
    with started(workbench, options) as (name, _):
        took = as_user(workbench, name, INSTALL)
        ended = time.monotonic()
        found.durable.append(durable(s3, folder) - ended)
    with started(workbench, options) as (name, answered):
        as_user(workbench, name, IMPORT)
        found.next.append(time.monotonic() - answered)
        found.imports[OURS] += [as_user(workbench, name, IMPORT) for _ in range(IMPORTS)]
    return took


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Return the four figures."""
    version = workbench.python().rpartition(".")[0]
    found = Measured()
    with wheels(workbench, version) as folder, project.storage(workbench.docker) as s3:
        volume = ["--volume", f"{folder}:/wheels:ro"]
        times = samples([OURS, LOCAL], lambda kind: install(workbench, s3, volume, kind, found), repeats, "s")
        times[MOUNT] = [onto_the_mount(workbench, [*s3.options("direct"), *volume])]
        given_up = [MOUNT] if times[MOUNT][0] >= LIMIT else []
        print(f"    {MOUNT}: {'more than ' if given_up else ''}{times[MOUNT][0]:.2f} s", flush=True)
    return [
        Result("pip install pandas by the user", "s", times, [Target(1.3, LOCAL)], given_up=given_up),
        Result("the same, durable in the bucket after", "s", {OURS: found.durable}, [Target(10.0)]),
        Result("the next container, pandas imported after Jupyter answers", "s", {OURS: found.next}, [Target(3.0)]),
        Result("import pandas in the next container", "s", found.imports, [Target(1.1, LOCAL)]),
    ]
