"""Root walks over what the user may rename, while the user renames it; and programs of the user's in the place of root's."""

from __future__ import annotations

import contextlib
import re
import secrets
import subprocess
from collections.abc import Callable
from datetime import datetime

import pytest
import requests

from tests.container.machines import until
from tests.container.services import Service

from .tools import background, plugins, python, restart

NAMES = """
    apt-get bash busctl cat cc chown curl dbus-daemon dbus-send dbus-uuidgen df dpkg dpkg-query env file find
    fusermount fusermount3 gcc getent git gzip hostname id ip ip6tables ip6tables-restore ip6tables-save iptables
    iptables-restore iptables-save jupyter ld ldconfig ls lsb_release mount mv nft node npm nproc objdump openssl
    pip pip3 pkill ps python python3 R rm Rscript s3fs sed setpriv sh sleep ssh-keygen sshd stat su systemctl tar
    true umount uname unzstd uv which xz zstd
""".split()  # noqa: SIM905
LOG = "/tmp/planted.log"
RACE = "/home/melda/race.py"
# As the case has it: one exchange of two folders, in one of which each folder of the other is a link to root's own.
MAKE = f"""
import os, sys
home = "/home/melda"
for kind in "ab":
    os.makedirs(home + "/race/" + kind, exist_ok=True)
for number in range(3000):
    os.mkdir("%s/race/a/%d" % (home, number))
    os.symlink("/usr/src/melda-jupyter" if number % 2 else "/usr/src", "%s/race/b/%d" % (home, number))
os.makedirs(home + "/project/.melda-jupyter", exist_ok=True)
open(home + "/project/.melda-jupyter/apt.json", "w").write('{{"packages": ["r-cran-meldanothing"]}}')
open("{RACE}", "w").write(sys.argv[1])
planted = '''#!/bin/sh
echo "$(/usr/bin/date +%s) $(/usr/bin/id -u) ${{0##*/}} by $(/usr/bin/tr '\\\\0' ' ' <"/proc/$PPID/cmdline")" >>{LOG}
/usr/bin/setsid /usr/bin/python3 -IS {RACE} </dev/null >/dev/null 2>&1 &
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
exec "${{0##*/}}" "$@"
'''
for folder in sys.argv[2].split(":"):
    os.makedirs(folder, exist_ok=True)
    for name in sys.argv[3:]:
        path = folder + "/" + name
        if not os.path.lexists(path):
            with open(path, "w") as stream:
                stream.write(planted)
            os.chmod(path, 0o755)
"""
EXCHANGE = """
import ctypes, fcntl, os, time
libc = ctypes.CDLL(None)
home = b"/home/melda/race/"
alone = open("/tmp/racing", "a")
fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
deadline = time.monotonic() + 5
while time.monotonic() < deadline:
    libc.syscall({"x86_64": 316, "aarch64": 276}[os.uname().machine], -100, home + b"a", -100, home + b"b", 2)
    time.sleep(0.0005)
"""
# Whose everything is that is not the user's by right.
OWNERS = """
import os
away = ("/home", "/tmp", "/proc", "/sys", "/dev", "/run/melda-jupyter", "/var/lib/melda-jupyter/plugins")
def walk(folder):
    for entry in os.scandir(folder):
        found = entry.stat(follow_symlinks=False)
        if not entry.path.startswith(away):
            print(found.st_uid, found.st_gid, oct(found.st_mode), entry.path)
            if entry.is_dir(follow_symlinks=False):
                walk(entry.path)
walk("/")
"""

Run = Callable[..., Service]


def owners(service: Service) -> dict[str, str]:
    """Path -> owner and mode, of everything that is not the user's."""
    lines = python(service, OWNERS, user="root").splitlines()
    return {path: whose for whose, _, path in (line.rpartition(" ") for line in lines)}


def changed(service: Service, before: dict[str, str]) -> list[str]:
    """What is there as before, and another's."""
    after = owners(service)
    return [
        f"{path}: {before[path]} -> {after[path]}" for path in before if after.get(path, before[path]) != before[path]
    ]


def healthy(service: Service) -> dict[str, str]:
    """``GET /healthz``, once the version service answers again."""
    with contextlib.suppress(requests.ConnectionError):
        return service.health()
    return {"plugins": "saving"}


def planted(service: Service) -> list[str]:
    """The planted programs that ran before the user's own service did, each with who ran it."""
    command = [service.docker, "logs", "--timestamps", service.name]
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    *_, last = re.findall(r"^(\S+)Z .*start-jupyter: jupyter: ", output, re.MULTILINE)
    began = datetime.fromisoformat(last[:26] + "+00:00").timestamp()
    found = set()
    for line in service.run(f"cat {LOG} 2>/dev/null", check=False).splitlines():
        at, program = line.split(" ", 1)
        # Jupyter is the user's own: what it calls once it serves may be the user's too.
        if "jupyter_notebook" not in program.partition(" by ")[2] or int(at) < int(began):
            found.add(program.strip())
    return sorted(found)


@pytest.fixture(scope="module")
def alive() -> dict[str, Service]:
    """Containers that attacks left running, by kind."""
    return {}


@pytest.fixture(params=["local", "bucket"])
def service(request: pytest.FixtureRequest, run: Run, mounted: Run, alive: dict[str, Service]) -> Service:
    """A container in whose home all is prepared."""
    kind = request.param
    if kind not in alive or not alive[kind].running:
        alive[kind] = (mounted(f"race-{secrets.token_hex(4)}") if kind == "bucket" else run()).ready()
        own = plugins(alive[kind])
        folders = f"{own.python}/bin:{own.r}:/home/melda/bin:/home/melda/.local/bin:/home/melda/project"
        python(alive[kind], MAKE, EXCHANGE, folders, *NAMES)
    alive[kind].run(f"rm -f {LOG}")
    return alive[kind]


def test_planted(service: Service) -> None:
    """A program of the user's under every name that a start may call, which exchanges folders for links; docker restart.
    Proves: no program of the user's runs before root's work on the home is over, and root's files stay root's."""
    before = owners(service)
    restart(service)
    assert planted(service) == []
    assert changed(service, before) == []


def test_exchange(service: Service) -> None:
    """Somebody exchanges folders for links to root's files while root walks over the home, in two starts.
    Proves: root never touches by path what the user may rename."""
    before = owners(service)
    for _ in range(2):
        times = service.logs().count("start-jupyter: ready: ") + 1
        service.kill()
        service.start()
        background(service, EXCHANGE)
        service.ready(times)
    assert changed(service, before) == []


def test_later_minutes(service: Service) -> None:
    """With the programs in place: packages are saved, captured and listed, services die, root does all it can be asked for.
    Proves: root's programs and the services' are found by absolute path or a fixed PATH in every later minute."""
    own = plugins(service)
    before = service.health()["plugins"]
    lay = f"mkdir -p {own.site}/later && date > {own.site}/later/__init__.py; pkill -KILL -f '[v]ersion_check'"
    service.run(lay, user="melda")
    for command in ("healthcheck", "get-versions --output -", "set-paths", "melda-env capture"):
        service.run(f"cd / && {command}", check=False)
    if before.startswith("saved"):
        until(lambda: healthy(service)["plugins"] not in (before, "saving"), "it is saved")
    restart(service)
    assert planted(service) == []
