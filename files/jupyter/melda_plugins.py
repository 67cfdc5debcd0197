"""The order in which the user's Python looks for packages: standard library, the user's own, the image's.

Imported by a ``.pth`` file when Python starts, in two environments: the image's, which the user's folder
``$JUPYTER_WORKDIR/Python-X.Y.Z`` is added to, and that folder itself, which is a virtual environment (set-paths
makes it). So ``python``, a kernel and the image's own commands all find the same packages.

Not for root, who must not load what users can write; and not with ``-I``, which is how Jupyter's server runs.
"""

from __future__ import annotations

import os
import site
import sys
import time
from typing import Any

IMAGE_PACKAGES = os.path.dirname(os.path.abspath(__file__))
IMAGE = os.path.dirname(os.path.dirname(os.path.dirname(IMAGE_PACKAGES)))
# What pip's configuration names, in the user's folder, and what makes that folder.
PIP_PYTHON, SET_PATHS = "pip-python", "/usr/local/bin/set-paths"
# In the environment of a process: leave the user's packages out.
WITHOUT = "MELDA_WITHOUT_PLUGINS"
# There in a container that start-jupyter has started, and on a host, where what root installs stays.
RUNNING, HOST = "/run/melda-jupyter", "/run/systemd/system"
COMMAND = "/proc/self/cmdline"
# There while a starting container restores the user's packages from the bucket.
RESTORING = "/run/melda-jupyter/plugins/restoring"
PATIENCE = 50.0  # seconds; Jupyter gives a kernel a minute to start
LONGEST_WAIT = 300.0  # seconds after the container's start; nobody waits after that, should the flag stay
# Packages that are carried over from another Python, or could not be: kind, name, why, a line each.
MISSING = "/run/melda-jupyter/plugins/missing"
LARGEST = 16384  # bytes of it that are read
# Modules that are called otherwise than the package that brings them.
PACKAGES = {
    "attr": "attrs", "bs4": "beautifulsoup4", "crypto": "pycryptodome", "cv2": "opencv-python", "dateutil": "python-dateutil",
    "dotenv": "python-dotenv", "fitz": "pymupdf", "git": "gitpython", "osgeo": "gdal", "pil": "pillow", "serial": "pyserial",
    "skimage": "scikit-image", "sklearn": "scikit-learn", "yaml": "pyyaml", "zmq": "pyzmq",
}  # fmt: skip
_arranged = False


def expected() -> str:
    """Absolute path that the user's folder for this Python has in the project; empty where there is none, and for root."""
    workdir = os.environ.get("JUPYTER_WORKDIR", "")
    name = "Python-{0}.{1}.{2}".format(*sys.version_info[:3])
    return os.path.join(workdir, name) if workdir.startswith("/") and os.geteuid() != 0 else ""


def folder() -> str:
    """Absolute path of the user's folder for this Python; empty where there is none, or it is not this user's."""
    if sys.prefix != IMAGE:
        return sys.prefix
    found = expected()
    return found if found and os.access(found, os.W_OK) else ""


def make_again() -> None:
    """Have set-paths make a folder that the user deleted in a container that runs; pip would only say that there is none."""
    root = expected()
    if sys.prefix != IMAGE or not root or os.path.exists(os.path.join(root, "bin", PIP_PYTHON)):
        return
    if os.path.isdir(RUNNING) and os.path.exists(SET_PATHS) and os.access(os.path.dirname(root), os.W_OK):
        import subprocess  # noqa: PLC0415 # nosec B404 - each start of a Python would import it

        try:
            subprocess.run([SET_PATHS], check=False)  # nosec B603
        except OSError as error:  # no process is left, say
            sys.stderr.write(f"{SET_PATHS}: {error.strerror}\n")


def packages(root: str) -> str:
    """Return where packages lie in a virtual environment for this Python."""
    return os.path.join(root, "lib", "python{0}.{1}".format(*sys.version_info[:2]), "site-packages")


def show_kernels(root: str) -> None:
    """Let Jupyter's commands find the kernels and templates in the user's folder, behind the image's.

    By the environment of this process, and so of what it calls. Jupyter's server is none: it looks there in its own way.
    """
    given = os.environ.get("JUPYTER_PATH", "")
    paths = [path for path in given.split(os.pathsep) if path]
    for prefix in (IMAGE, root):
        path = os.path.join(prefix, "share", "jupyter")
        if path not in paths:
            paths.append(path)
    os.environ["JUPYTER_PATH"] = os.pathsep.join(paths)


def wait() -> None:
    """Wait until the user's packages are there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if time.time() - os.lstat(RESTORING).st_mtime > LONGEST_WAIT:
                return
        except OSError:
            return
        time.sleep(0.02)


def missing(module: str) -> str:
    """Return why a module is not there that the project had with another Python; empty: it had none of that name."""
    name = module.lower().replace("_", "-")
    try:
        number = os.open(MISSING, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            text = os.read(number, LARGEST).decode("utf-8", "replace")
        finally:
            os.close(number)
    except OSError:
        return ""
    for line in text.splitlines():
        kind, _, rest = line.partition("\t")
        package, _, why = rest.partition("\t")
        if kind == "python" and package in (name, PACKAGES.get(name, name)):
            return f"{package}: {why}"
    return ""


class Missing:
    """The last of Python's finders: an import that would fail says why, where the project had the module elsewhere."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        """Return nothing, ever.

        Raises:
            ModuleNotFoundError: it is being carried over, or could not be. Only for an import statement: who asks
                importlib.util.find_spec() whether there is such a module is answered.
        """
        if path is not None or "." in name:
            return
        asking = sys._getframe(1)
        while asking is not None and asking.f_code.co_name == "_find_spec":
            asking = asking.f_back  # type: ignore[assignment]
        if asking is None or asking.f_code.co_name != "_find_and_load_unlocked":
            return
        why = missing(name)
        if why:
            raise ModuleNotFoundError(f"No module named {name!r} ({why})", name=name)


def tell_root() -> None:
    """Say at once that what root's pip installs ends with the container: it succeeds, and works until then."""
    if sys.prefix != IMAGE or os.geteuid() != 0 or not os.path.isdir(RUNNING) or os.path.isdir(HOST):
        return
    with open(COMMAND, "rb") as stream:  # sys.argv has no name yet of what -m runs
        words = os.fsdecode(stream.read()).split("\0")
    if "install" in words and any(os.path.basename(word).startswith("pip") for word in words[: words.index("install")]):
        user = os.environ.get("username", "melda")  # noqa: SIM112 the image's own name of it
        sys.stderr.write(
            f"WARNING: what root installs ends with the container. What stays: runuser -l {user} -c 'pip install ...'\n"
        )


def arrange(again: bool = False) -> None:
    """Bring ``sys.path`` into order. Whatever the user's folder holds, it does not keep Python from starting.

    Args:
        again: also if it was done (or skipped) before in this process.
    """
    global _arranged  # noqa: PLW0603 one process, one path
    # Only once: pip's isolated builds read .pth files a second time, and count on sys.path only growing.
    if sys.flags.isolated or (_arranged and not again):
        return
    _arranged = True
    before = list(sys.path)
    try:
        make_again()
        root = folder()
        if not root:
            tell_root()
            return
        show_kernels(root)
        wait()
        if not any(finder is Missing for finder in sys.meta_path):
            sys.meta_path.append(Missing)
        if os.environ.get(WITHOUT):
            sys.path[:] = [path for path in sys.path if path not in (root, packages(root))]
            return
        if sys.prefix == IMAGE:
            site.addsitedir(packages(root))  # with the .pth files in it
            python = os.path.join(root, "bin", "python")
            if os.path.exists(python):
                sys.executable = python  # children see the same; it is what VIRTUAL_ENV says
        # PYTHONPATH names the folder itself. It would come before the standard library, which a package as old as
        # `dataclasses` breaks; what lies in it directly was put there by pip's former --target.
        last = [root, IMAGE_PACKAGES]
        sys.path[:] = [path for path in sys.path if path not in last] + last
    except BaseException as error:  # SystemExit too: any line of a .pth file may raise it
        sys.path[:] = before
        sys.stderr.write(f"the packages in your project are left out: {error!r}\n")
