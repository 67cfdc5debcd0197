"""A project on another image: when the first cell may run, when ten packages are carried over, and what 500 MB cost."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import project
from bench.alternate import samples
from bench.project import Storage
from bench.results import OURS, Result, Target
from bench.rows.user_install import as_user, started
from bench.workbench import Workbench
from builder import docker as client
from builder.errors import BuildError

NAME = "upgrade"
REPEATS = 3
WITHOUT = "without an upgrade"
LONGEST = 180.0  # seconds until something counts as lost
# Distributions of PyPI with compiled code, or with a wheel for each Python, that are not in the image and need nothing.
TEN = (
    "orjson==3.10.3", "msgpack==1.0.8", "wrapt==1.15.0", "jellyfish==1.0.4", "lxml==5.2.2", "toolz==0.12.1",
    "cachetools==5.3.3", "boltons==24.0.0", "humanize==4.9.0", "more-itertools==10.2.0",
)  # fmt: skip
LARGE = """
import glob, os, random
(site,) = glob.glob(os.environ["JUPYTER_WORKDIR"] + "/Python-*/lib/python*/site-packages")
for number in range(5):
    name = f"large{number}"
    os.makedirs(f"{site}/{name}/data")
    os.mkdir(f"{site}/{name}-1.0.dist-info")
    open(f"{site}/{name}/__init__.py", "w").close()
    for part in range(100):
        with open(f"{site}/{name}/data/{part}", "wb") as stream:
            stream.write(random.Random(100 * number + part).randbytes(1_000_000))
    with open(f"{site}/{name}-1.0.dist-info/METADATA", "w") as stream:
        stream.write(f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
    with open(f"{site}/{name}-1.0.dist-info/RECORD", "w") as stream:
        stream.write(f"{name}/__init__.py,,\\n{name}-1.0.dist-info/METADATA,,\\n{name}-1.0.dist-info/RECORD,,\\n")
"""
NOTE = (
    "A project in S3 (moto on the same machine) is started on an image with another Python; the other image is played: what "
    "the bucket holds gets the names of another version, in a new copy each time. Carried over: ten wheels that lie in the "
    "container, from Jupyter's first answer until `upgrade` in /healthz says it, uv fetched too. First cell: from Jupyter's "
    "first answer until a `python3` of the user's has ended, which waits as a kernel does; and from `docker start` until "
    "Jupyter answers; both against the same project on the image that it ran on. 500 MB: five packages of 100 MB that do not "
    "compress, at a patch release, likewise; saved: until the new folder's manifest is in the bucket."
)


class Kept:
    """A project in the bucket whose packages are saved.

    Args:
        workbench: runs it.
        s3: holds it.
        volume: options of the container.
        folder: in the bucket.
    """

    def __init__(self, workbench: Workbench, s3: Storage, volume: list[str], folder: str) -> None:
        self._workbench, self._s3, self._volume, self._folder = workbench, s3, volume, folder
        self._copies = 0

    def options(self, folder: str) -> list[str]:
        """Of a container with that project."""
        return [*self._s3.options(folder), *self._volume]

    def fill(self, install: Callable[[str], object], name: str) -> None:
        """Install something that is named ``name`` in the snapshot, and wait until all of it is saved."""
        with started(self._workbench, self.options(self._folder)) as (container, _):
            install(container)
            wait("it is saved", lambda: name in self._get(".melda-jupyter/environment.json"))
            client.call(self._workbench.docker, "stop", container)

    def _get(self, key: str) -> str:
        try:
            found = self._s3.server.client().get_object(Bucket=project.BUCKET, Key=f"{self._folder}/{key}")
        except self._s3.server.client().exceptions.NoSuchKey:
            return ""
        return str(found["Body"].read().decode())

    def _keys(self, folder: str) -> list[str]:
        pages = self._s3.server.client().get_paginator("list_objects_v2")
        listed = pages.paginate(Bucket=project.BUCKET, Prefix=folder + "/")
        return [item["Key"] for page in listed for item in page.get("Contents", [])]

    def drop(self, folder: str) -> None:
        """Remove a copy: what is measured next need not share the disk's cache with it."""
        for key in self._keys(folder):
            self._s3.server.client().delete_object(Bucket=project.BUCKET, Key=key)

    def copy(self, python: str) -> str:
        """Return a new folder with all of it, as an image with that Python would have left it; empty: with this one."""
        s3 = self._s3.server.client()
        self._copies += 1
        folder = f"{self._folder}-{self._copies}"
        here = ""
        for key in self._keys(self._folder):
            name = key.removeprefix(self._folder)
            part = name.split("/")[2] if name.startswith("/.melda-jupyter/Python-") else ""
            here = part.partition("-")[2] or here
            new = name.replace(f"/Python-{here}", f"/Python-{python}") if python and here else name
            source = {"Bucket": project.BUCKET, "Key": key}
            s3.copy_object(Bucket=project.BUCKET, Key=folder + new, CopySource=source)
        if not here:
            raise BuildError("the project has no Python packages in the bucket")
        for name in ("image.json", "environment.json") if python else ():
            key = f"{folder}/.melda-jupyter/{name}"
            text = s3.get_object(Bucket=project.BUCKET, Key=key)["Body"].read().decode()
            s3.put_object(Bucket=project.BUCKET, Key=key, Body=text.replace(f'"{here}"', f'"{python}"').encode())
        return folder

    def saved(self, folder: str, python: str) -> bool:
        """Does the bucket have a generation of that Python's folder?"""
        prefix = f"{folder}/.melda-jupyter/Python-{python}/"
        listed = self._s3.server.client().list_objects_v2(Bucket=project.BUCKET, Prefix=prefix).get("Contents", [])
        return any(item["Key"].endswith(".json") and item["Size"] for item in listed)


def wait(what: str, true: Callable[[], bool]) -> None:
    """Wait for an event.

    Raises:
        BuildError: it does not come.
    """
    deadline = time.monotonic() + LONGEST
    while not true():
        if time.monotonic() > deadline:
            raise BuildError(f"not within {LONGEST:.0f} s: {what}")
        time.sleep(0.05)


def told(workbench: Workbench, container: str) -> str:
    """Return the line that /healthz has of an upgrade."""
    show = ["exec", container, "sh", "-c", "cat /run/melda-jupyter/plugins/upgrade 2>/dev/null || true"]
    return client.call(workbench.docker, *show)


class Times:
    """Seconds by what was measured."""

    def __init__(self) -> None:
        self.cell: dict[str, list[float]] = {OURS: [], WITHOUT: []}
        self.carried: list[float] = []
        self.saved: list[float] = []


def once(workbench: Workbench, kept: Kept, python: str, import_: str, found: Times, here: str = "") -> float:
    """Seconds until Jupyter answers in a project that moved to this image from ``python``; the rest goes into ``found``.

    With ``here``, the image's own Python, it is a patch release that is moved to, and its folder is waited for.
    """
    folder, kind = kept.copy(python), OURS if python else WITHOUT
    began = time.monotonic()
    with started(workbench, kept.options(folder)) as (container, answered):
        as_user(workbench, container, f"python3 -c '{import_}'")
        found.cell[kind].append(time.monotonic() - answered)
        if python and here:
            wait("the new folder is saved", lambda: kept.saved(folder, here))
            found.saved.append(time.monotonic() - answered)
        elif python:
            wait("all is carried over", lambda: "carried over" in told(workbench, container))
            found.carried.append(time.monotonic() - answered)
            if f"{len(TEN)} packages are carried over" not in told(workbench, container):
                raise BuildError(told(workbench, container))
    kept.drop(folder)
    return answered - began


def write_large(workbench: Workbench, container: str) -> None:
    """Write the 500 MB into the user's environment."""
    workbench.put(container, "/tmp/large.py", LARGE)
    as_user(workbench, container, "python3 /tmp/large.py")


def download(folder: str, python: str) -> None:
    """Wheels of :data:`TEN`, and of uv."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "--dest", folder]
    subprocess.run([*pip, "--python-version", python.rpartition(".")[0], *TEN], check=True)
    subprocess.run([*pip, "--require-hashes", "-r", "files/jupyter/uv.txt"], check=True)
    Path(folder, "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    Path(folder).chmod(0o755)


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Seconds of a project that moves to another image."""
    here = workbench.python()
    major, minor, patch = here.split(".")
    other, former = f"{major}.{int(minor) - 2}.1", f"{major}.{minor}.{int(patch) - 1 if int(patch) else 1}"
    with tempfile.TemporaryDirectory(prefix="melda-bench-wheels-") as folder, project.storage(workbench.docker) as s3:
        download(folder, here)
        volume = ["--volume", f"{folder}:/wheels:ro", "--volume", f"{folder}/pip.conf:/etc/pip.conf:ro"]
        ten, large = Kept(workbench, s3, volume, "ten"), Kept(workbench, s3, volume, "large")
        ten.fill(lambda name: as_user(workbench, name, "pip install -q " + " ".join(TEN)), "orjson")
        large.fill(lambda name: write_large(workbench, name), "large4")
        times, patched = Times(), Times()
        starts = samples(
            [OURS, WITHOUT],
            lambda kind: once(workbench, ten, other if kind == OURS else "", "", times),
            repeats,
            "s",
        )
        samples(
            [OURS, WITHOUT],
            lambda kind: once(workbench, large, former if kind == OURS else "", "import large4", patched, here),
            repeats,
            "s",
        )
    return [
        Result("start on an image with another Python", "s", starts, [Target(1.05, WITHOUT)]),
        Result("its first cell, after Jupyter answers", "s", times.cell, [Target(1.05, WITHOUT)]),
        Result("ten binary packages carried over, after Jupyter answers", "s", {OURS: times.carried}, [Target(30.0)]),
        Result("first cell of a patch release with 500 MB of packages", "s", patched.cell, [Target(5.0)]),
        Result("the same, saved in the bucket", "s", {OURS: patched.saved}),
    ]
