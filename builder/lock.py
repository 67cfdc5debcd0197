"""``make lock``: the versions and hashes of every Python package, for every Python of the release table.

A set's lock holds what it adds to the sets below it, so that no version is written twice. Compiled with uv, which resolves
for other Pythons than its own. Only wheels: nothing in an image for amd64 is compiled from source. What has none for arm64 is
named in tests/unit/tasks/test_wheels.py.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tasks.lib.locks import entries, pins
from tasks.packages import SETS
from tasks.releases import RELEASES

ROOT = Path(__file__).resolve().parent.parent
FILES = ROOT / "files"
SOURCES = {
    "none": ["jupyter/requirements.in", "runtime/requirements.in"],
    "core": ["packages/python-core.txt"],
    "datascience": ["packages/python-datascience.txt"],
}
# On Python 3.8 and 3.9 gevent reads its plugins with pkg_resources, which setuptools 82 has no longer. The distribution's own
# is then found in its place, and knows no zope.event.
OLD_GEVENTS = "setuptools<76\n"


def compile_lock(python: str, sources: list[Path], constraints: str, platform: str = "linux") -> str:
    """Resolve ``sources`` for one Python on Linux.

    Args:
        python: minor version, ``3.8``.
        sources: requirement files.
        constraints: text of requirements that bind versions; may be empty.
        platform: for which wheels must be there, as uv names it.

    Raises:
        SystemExit: uv found no solution; its words are shown.
    """
    with tempfile.TemporaryDirectory() as folder:
        bound = Path(folder) / "constraints.txt"
        bound.write_text(constraints)
        done = subprocess.run(
            [Path(sys.executable).parent / "uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate",
             "--only-binary", ":all:", "--python-platform", platform, "--python-version", python, "--no-emit-index-url",
             "--constraints", bound, "--overrides", FILES / "jupyter" / "overrides.txt", *sources],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"lock: Python {python}: {done.stderr.strip()}")
    return done.stdout


def bind(versions: dict[str, str]) -> str:
    """Return the text of requirements that bind versions."""
    return "".join(f"{name}=={version}\n" for name, version in versions.items())


def without(lock: str, known: dict[str, str]) -> str:
    """Return a lock less the packages that ``known`` has already."""
    return "".join(entry for entry in entries(lock) if not set(pins(entry.encode())) <= set(known))


def lock_python(python: str) -> None:
    """Write the locks of all sets for one Python.

    The largest set is solved first and binds the smaller ones, so that a larger image only adds to a smaller one.
    """
    everything = [FILES / name for chosen in SETS for name in SOURCES[chosen]]
    constraints = bind(pins(compile_lock(python, everything, "").encode()))
    known: dict[str, str] = {}
    for index, chosen in enumerate(SETS):
        sources = [FILES / name for smaller in SETS[: index + 1] for name in SOURCES[smaller]]
        lock = compile_lock(python, sources, constraints)
        (FILES / "packages" / "locks" / f"{chosen}-{python}.txt").write_text(without(lock, known))
        known = pins(lock.encode())


def lock_hub(python: str) -> str:
    """Return the lock of what a server behind a JupyterHub needs, and Jupyter itself has not got; the sets' versions bind it."""
    locks = [FILES / "packages" / "locks" / f"{chosen}-{python}.txt" for chosen in SETS]
    bound = {name: version for lock in locks for name, version in pins(lock.read_bytes()).items()}
    found = compile_lock(python, [FILES / "jupyterhub" / "requirements.in"], bind(bound))
    return without(found, pins(locks[0].read_bytes()))


def lock_pyinfra(python: str, constraints: str = "") -> str:
    """Return the lock of the pyinfra that runs inside an image with that Python, on amd64 and on arm64.

    An image under construction has no compiler. What has wheels for arm64 has them for amd64 too, often in an older version
    than the newest: gevent for Python 3.8 to 3.10 (October 2026).
    """
    version = next(release.pyinfra for release in RELEASES.values() if release.python == python)
    with tempfile.NamedTemporaryFile("w", suffix=".in") as source:
        source.write(f"pyinfra=={version}\n")
        source.flush()
        sources = [Path(source.name)]
        on_arm64 = pins(compile_lock(python, sources, constraints + OLD_GEVENTS, "aarch64-unknown-linux-gnu").encode())
        return compile_lock(python, sources, bind(on_arm64))


def main() -> None:
    """Compile everything and say what was written."""
    for python in sorted({release.python for release in RELEASES.values()}, key=lambda v: int(v.split(".")[1])):
        lock_python(python)
        (FILES / "jupyterhub" / "locks" / f"{python}.txt").write_text(lock_hub(python))
        (ROOT / "builder" / "pyinfra" / f"{python}.txt").write_text(lock_pyinfra(python))
        print(f"locked for Python {python}", flush=True)
    (FILES / "jupyter" / "uv.txt").write_text(compile_lock("3.8", [FILES / "jupyter" / "uv.in"], ""))


if __name__ == "__main__":
    main()
