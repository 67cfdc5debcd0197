"""files/jupyter/venv_check.py: a virtual environment of three files, damaged in every way, and as a target runs it."""

from __future__ import annotations

import base64
import contextlib
import gc
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from tasks.facts.venv import Damage, VenvDamage, venv_check
from tasks.lib import target_python

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")
USER = 1001
PACKAGE = "lib/python3.11/site-packages/owl"


@pytest.fixture(scope="module", autouse=True)
def _python() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(target_python, "PYTHON", sys.executable)
        yield


def run(action: str, env: Path, *ours: str) -> str:
    """As a target does it, with a Python that reads the program first."""
    command = venv_check(action, str(env), [f"{env}/{name}" for name in ours])
    return subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True, timeout=20).stdout


@lru_cache(maxsize=1)
def main() -> Callable[[str, str, list[str]], None]:
    """What the program does, read once: most of its time was spent on that."""
    for name in ("bytecode_check", "venv_check"):
        spec = util.spec_from_file_location(name, Path(__file__).parents[3] / f"files/jupyter/{name}.py")
        assert spec and spec.loader
        # The other one imports it by its name, as in the program.
        sys.modules[name] = module = util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["venv_check"].main  # type: ignore[no-any-return]


def act(action: str, env: Path, *ours: str) -> str:
    """Do the same in this process."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        main()(action, str(env), [f"{env}/{name}" for name in ours])
    gc.enable()
    return output.getvalue()


def damage(env: Path, *ours: str, by: Callable[..., str] = act) -> Damage:
    return VenvDamage().process(by("damage", env, *ours).splitlines())


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


@pytest.fixture(scope="module")
def sound(_python: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with a package and what venv makes, written down as right."""
    os.umask(0o022)
    made = tmp_path_factory.mktemp("sound") / "env"
    files = {f"{PACKAGE}/__init__.py": b"V = 1\n", f"{PACKAGE}/data.bin": b"data", "bin/owl": b"#!/bin/sh\n"}
    for name, content in files.items():
        write(made / name, content, 0o755 if name.startswith("bin/") else 0o644)
    info = made / f"{PACKAGE}-1.0.dist-info"
    rows = [
        (f"../../../{name}" if name.startswith("bin/") else name[len(PACKAGE) - 3 :], files[name]) for name in files
    ]
    lines = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text).digest()).decode().rstrip('=')},{len(text)}"
        for name, text in rows
    ]
    write(info / "RECORD", "\n".join([*lines, "owl-1.0.dist-info/RECORD,,", "owl-1.0.dist-info/INSTALLER,,"]).encode())
    write(info / "INSTALLER", b"uv")
    write(made / "pyvenv.cfg", b"home = /usr/bin\n")
    (made / "bin/python").symlink_to("/usr/bin/python3")
    (made / "lib64").symlink_to("lib")
    write(made / "share/ours.json", b"ours")
    run("mend", made, "share/ours.json")
    run("record", made, "share/ours.json")
    return made


@pytest.fixture
def env(sound: Path, tmp_path: Path) -> Path:
    """A copy of it, in which ``verified`` is the newest, too."""
    made = tmp_path / "env"
    shutil.copytree(sound, made, symlinks=True, ignore=shutil.ignore_patterns("verified"))
    shutil.copy2(sound / "verified", made)
    return made


@pytest.mark.parametrize("by", [run, act])
def test_as_it_was_installed(env: Path, by: Callable[..., str]) -> None:
    assert damage(env, "share/ours.json", by=by) == Damage({}, [], False, False)
    assert (env / "verified").is_file()


def test_none_there(tmp_path: Path) -> None:
    assert damage(tmp_path / "missing") == Damage()
    (tmp_path / "file").write_text("")
    assert damage(tmp_path / "file").aside == [f"{tmp_path}/file"]
    act("mend", tmp_path / "file")
    assert damage(tmp_path / "file") == Damage()


def text(path: Path) -> None:
    path.write_bytes(b"X" * path.stat().st_size)


def text_of_before(path: Path) -> None:
    about = path.stat()
    text(path)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def another(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


WAYS = [text, text_of_before, another, folder, pipe, Path.unlink]
INFO = PACKAGE + "-1.0.dist-info"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [f"{PACKAGE}/__init__.py", f"{PACKAGE}/data.bin", "bin/owl", f"{INFO}/RECORD"])
def test_a_file_of_a_package(env: Path, name: str, way: Callable[[Path], object]) -> None:
    way(env / name)
    act("mend", env, "share/ours.json")
    found = damage(env, "share/ours.json")
    assert found.damaged == {"owl-1.0": f"{env}/{INFO}"} and not found.aside and not found.mend
    before = (env / "verified").read_bytes()
    act("record", env, "share/ours.json")
    assert damage(env, "share/ours.json") == found and (env / "verified").read_bytes() == before, (
        "it is not called right"
    )


@pytest.mark.parametrize("way", [*WAYS[2:], text])
@pytest.mark.parametrize("name", ["pyvenv.cfg", "bin/python", "verified"])
def test_what_venv_made(env: Path, name: str, way: Callable[[Path], object]) -> None:
    if way is text and name == "bin/python":
        (env / name).unlink()
        (env / name).write_text("")
    else:
        way(env / name)
    assert damage(env, "share/ours.json").unknown


def test_what_others_look_after_is_not_looked_at(env: Path) -> None:
    (env / "share/ours.json").unlink()
    assert damage(env, "share/ours.json") == Damage({}, [], False, False)


@pytest.mark.parametrize("name", [".", "bin", f"{PACKAGE}/data.bin", f"{INFO}/RECORD", "pyvenv.cfg", "bin/owl"])
@pytest.mark.parametrize("mode", [0o777, 0o700, 0o600, None])
def test_owner_and_mode(env: Path, name: str, mode: int | None) -> None:
    path = env / name
    before = (path.stat().st_mode, path.read_bytes() if path.is_file() else None)
    if mode is None:
        os.chown(path, USER, USER)
    else:
        path.chmod(mode)
    found = damage(env, "share/ours.json")
    assert (found.damaged, found.aside, found.unknown) == ({}, [], False) and found.mend
    with open(path, "rb") if path.is_file() else open(os.devnull, "rb") as held:
        number = os.fstat(held.fileno()).st_ino
        act("mend", env, "share/ours.json")
    act("record", env, "share/ours.json")
    assert damage(env, "share/ours.json") == Damage({}, [], False, False)
    after = path.stat()
    # Whether it may be executed is nobody's to say, but of a package's programs.
    executable = 0o111 if path.is_file() and mode and mode & 0o111 else 0
    assert (after.st_mode, path.read_bytes() if path.is_file() else None) == (before[0] | executable, before[1])
    assert (after.st_uid, after.st_gid) == (0, 0)
    if path.is_file() and mode in (0o777, None):
        assert after.st_ino != number, "who had it may hold it open"


def test_what_a_user_put_there_is_set_aside_and_what_root_put_there_stays(env: Path) -> None:
    site = env / "lib/python3.11/site-packages"
    evil = [site / "evil.pth", site / "evil/__init__.py", site / "evil-1.0.dist-info/RECORD"]
    for path in evil:
        write(path, b"evil/__init__.py,,\n")
        for one in (path, *([path.parent] if path.parent != site else [])):
            os.chown(one, USER, USER)
    write(site / "roots.py", b"")
    cached = site / "owl/__pycache__/other.cpython-311.pyc"
    write(cached, b"")
    os.chown(cached, USER, USER)
    found = damage(env, "share/ours.json")
    assert found.aside == [f"{site}/{name}" for name in ("evil", "evil-1.0.dist-info", "evil.pth")]
    act("mend", env, "share/ours.json")
    act("record", env, "share/ours.json")
    assert damage(env, "share/ours.json") == Damage({}, [], False, False)
    assert (site / "roots.py").exists() and not cached.exists()
    left = [path for path in site.iterdir() if path.name.startswith("evil")]
    assert len(left) == 3 and all(".set-aside-" in path.name and path.stat().st_uid == 0 for path in left)


def test_one_that_others_cannot_read_is_mended_before_it_is_called_right(env: Path) -> None:
    """uv obeys root's umask. What was not called right was read again by each run, and no kernel started."""
    (env / "verified").unlink()
    for path in env.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o750 if path.is_dir() or path.parent.name == "bin" else 0o640)
    act("record", env, "share/ours.json")
    assert damage(env, "share/ours.json") == Damage({}, [], False, False)


def test_an_environment_that_is_somebody_elses_is_not_trusted(env: Path) -> None:
    for path in (env, *env.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
    assert damage(env).aside == [str(env)]
    act("mend", env)
    assert damage(env) == Damage() and not env.exists()


def test_an_uninstalled_package_is_no_damage(env: Path) -> None:
    shutil.rmtree(env / INFO)
    shutil.rmtree(env / PACKAGE)
    (env / "bin/owl").unlink()
    assert damage(env, "share/ours.json").damaged == {}


def test_bytecode(env: Path) -> None:
    path = Path(util.cache_from_source(str(env / PACKAGE / "__init__.py")))
    path.unlink()  # it holds its path, which is another one here
    act("mend", env, "share/ours.json")
    good = path.read_bytes()
    write(path, good[:16] + b"rubbish")
    assert damage(env, "share/ours.json").mend
    act("mend", env, "share/ours.json")
    assert path.read_bytes() == good
    act("record", env, "share/ours.json")
    assert damage(env, "share/ours.json") == Damage({}, [], False, False)


def test_only_what_may_have_changed_is_read(env: Path) -> None:
    """Root's file that cannot be read any more stands for one that is not: reading it would fail the program."""
    table: dict[str, Any] = json.loads((env / "verified").read_bytes().split(b"\n", 1)[1])
    assert set(table) == {"pyvenv.cfg", "bin/python", "lib64", f"{INFO}/RECORD", f"{INFO}/INSTALLER"}
    before = (env / PACKAGE / "data.bin").stat().st_atime_ns
    time.sleep(0.01)
    damage(env, "share/ours.json")
    assert (env / PACKAGE / "data.bin").stat().st_atime_ns == before


def test_what_root_has_for_itself_stays_so(env: Path) -> None:
    """A password in a configuration was made readable for everybody."""
    write(env / "etc/password.json", b"secret", 0o600)
    write(env / "etc/private/key", b"secret")
    (env / "etc/private").chmod(0o700)
    for _ in range(2):
        assert damage(env, "share/ours.json") == Damage({}, [], False, False)
        act("mend", env, "share/ours.json")
        act("record", env, "share/ours.json")
    modes = [(env / "etc" / name).stat().st_mode & 0o777 for name in ("password.json", "private", "private/key")]
    assert modes == [0o600, 0o700, 0o644]
    (env / "etc/private").chmod(0o770)
    assert damage(env, "share/ours.json").mend, "others may write to it"


def test_what_was_called_right_by_a_clock_ahead_of_time_is_looked_at_again(env: Path) -> None:
    """All that was changed since then was right, until that time came."""
    text_of_before(env / f"{PACKAGE}/data.bin")
    ahead = "import time; now = time.time_ns(); time.time_ns = lambda: now - 10**15; "
    command = venv_check("damage", str(env), [f"{env}/share/ours.json"]).replace(" -c '", f" -c '{ahead}")
    shown = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True).stdout
    found = VenvDamage().process(shown.splitlines())
    assert found.unknown and found.damaged == {"owl-1.0": f"{env}/{INFO}"}
