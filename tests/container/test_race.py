"""The user exchanges folders for links while root works on the home, and plants programs under the names of root's."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise

import pytest

from tests.fakes.s3 import Server

from .machines import until
from .services import BUCKET, MOUNT, Service, bucket_variables

RESTARTS = 4
# Whatever root, Jupyter while it loads, s3fs or the sync daemon call, or could.
PROGRAMS = (
    "busctl", "tar", "zstd", "s3fs", "fusermount", "mount", "umount", "python3.11", "uname", "gcc", "cc", "ld", "ldconfig",
    "dbus-uuidgen", "dbus-daemon", "iptables-restore", "ip6tables-restore", "iptables", "ssh-keygen", "ssh", "sshd", "uv", "pip",
    "objdump", "python3",
    "R", "Rscript", "melda-env", "jupyter", "sh", "bash", "env", "id", "ps", "file", "lsb_release", "git", "node",
)  # fmt: skip
PLUGINS = "/home/melda/project/Python-3.11.2/bin"
# Each folder is at one time itself, at another a link to what is root's. A line for each round.
RACE = """
import ctypes, os, time
libc, home = ctypes.CDLL(None), os.open("/home/melda", os.O_PATH)
pairs = [(b"d%d" % number, b"l%d" % number) for number in range(3000)]
with open("/tmp/raced", "a") as log:
    while True:
        for folder, link in pairs:
            libc.renameat2(home, folder, home, link, 2)
        print(time.time(), file=log, flush=True)
        time.sleep(0.002)
"""
PLANTED = """#!/bin/sh
echo "$(/usr/bin/date +%s.%N) {name}" >>/tmp/planted
/usr/bin/setsid /usr/bin/python3 -I /home/melda/race.py </dev/null >/dev/null 2>&1 &
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin exec {name} "$@"
"""
PREPARE = f"""
import json, os
home, plugins = "/home/melda", {PLUGINS!r}
for number in range(3000):
    os.mkdir(f"{{home}}/d{{number}}")
    os.symlink("/usr/src/melda-jupyter", f"{{home}}/l{{number}}")
for number in range(10):
    os.mkdir(f"{{home}}/many{{number}}")
    for file in range(1000):
        open(f"{{home}}/many{{number}}/{{file}}", "w").close()
open(home + "/race.py", "w").write({RACE!r})
for name in {PROGRAMS!r}:
    path = plugins + "/" + name
    if os.path.lexists(path): os.unlink(path)
    open(path, "w").write({PLANTED!r}.format(name=name))
    os.chmod(path, 0o755)
kept = os.environ["JUPYTER_WORKDIR"] + "/.melda-jupyter"
os.makedirs(kept, exist_ok=True)
json.dump({{"packages": ["r-cran-abind"]}}, open(kept + "/apt.json", "w"))
"""
NOT_ROOTS = (
    "find /usr /etc /opt /root /run /var -xdev -path /var/lib/melda-jupyter/plugins -prune -o -path /run/melda-jupyter -prune"
    " -o ! -user root ! -user _apt ! -user man ! -user messagebus -print"
)


def python(service: Service, code: str) -> str:
    """Run Python as the user."""
    done = subprocess.run(
        [service.docker, "exec", "--interactive", "--user", "melda", "--workdir", "/", service.name, "/usr/bin/python3", "-I"],
        input=code, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def restart(service: Service, times: int) -> None:
    subprocess.run([service.docker, "restart", service.name], check=True, stdout=subprocess.DEVNULL)
    # On a machine that is busy the race, or 100,000 folders, take longer than a start may.
    until(lambda: service.logs().count(": ownership: ") >= times or not service.running, "the home is the user's", 240)
    service.ready(times=times)


class Racing:
    """Runs the race by ``docker exec`` as the user whenever the container runs."""

    def __init__(self, service: Service) -> None:
        exec_it = [service.docker, "exec", "--user", "melda", "--workdir", "/", service.name]
        self._argv = [*exec_it, "/usr/bin/python3", "-I", "/home/melda/race.py"]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.is_set():
            with subprocess.Popen(self._argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                while process.poll() is None and not self._over.wait(0.1):
                    pass
                process.kill()

    def __enter__(self) -> Racing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def spans(service: Service) -> Iterator[tuple[float, float]]:
    """When each start began, the first one left out, and when it said that the home is the user's."""
    argv = [service.docker, "logs", "--timestamps", service.name]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    marks = []
    for line in done.stdout.splitlines():
        found = re.match(r"(\S+)\d{3}Z .* start-jupyter: (firewall|ownership)", line)
        if found:
            marks.append((found[2], datetime.fromisoformat(found[1] + "+00:00").timestamp()))
    for (first, begin), (second, end) in pairwise(marks[2:]):
        if (first, second) == ("firewall", "ownership"):
            yield begin, end


# In each run of the tests tests/attack/test_restart.py tries this, with a project on disk and with one in a bucket.
@pytest.mark.full
@pytest.mark.parametrize("mode", ["local", "local, may mount", "bucket"])
def test_root_touches_nothing_but_the_users_and_runs_nothing_of_the_users(
    serve: Callable[..., Service], s3: Server, mode: str
) -> None:
    values = {}
    if mode == "bucket":
        values = bucket_variables(s3, s3.bucket(BUCKET), s3.credentials("melda-test-race", BUCKET))
    service = serve(*(() if mode == "local" else MOUNT), **values).ready()
    until(lambda: service.health()["plugins"] != "restoring", "the plugin folders are there")
    before = service.run(NOT_ROOTS)
    python(service, PREPARE)
    with Racing(service):
        for times in range(2, 2 + RESTARTS):
            service.run(f"touch /home/melda/roots-{times}; mkdir /home/melda/folder-{times}")
            restart(service, times)
            assert service.run("find /home/melda -maxdepth 1 -user root") == "", "it works as well as it did"
        raced = [float(line) for line in service.run("cat /tmp/raced").split()]
        planted = [line.split() for line in service.run("cat /tmp/planted 2>/dev/null || true").splitlines()]
        assert service.run(NOT_ROOTS) == before, "what is root's became somebody else's"
        found = list(spans(service))
        assert len(found) == RESTARTS
        early = {name for when, name in planted if any(begin < float(when) < end for begin, end in found)}
        assert early == set(), "they ran before root's work on the home was over"
        assert any(begin < when < end for when in raced for begin, end in found), "there was a race"
        service.stop()


def test_the_project_is_exchanged_while_it_is_mounted(serve: Callable[..., Service], s3: Server) -> None:
    """s3fs, which is root, is given a path: it must be one that only root can change."""
    values = bucket_variables(s3, s3.bucket(BUCKET), s3.credentials("melda-test-race", BUCKET))
    service = serve(*MOUNT, **values).ready()
    mounted = service.run("cat /proc/mounts").count("fuse.s3fs")
    argv = service.run("tr '\\0' ' ' </proc/$(pidof s3fs)/cmdline").split()
    assert [word for word in argv if word.endswith("/project")] == ["/run/melda-jupyter/project"]
    assert mounted == 2
    output = service.run("cd /home/melda; rmdir project; mv project other", "melda", check=False)
    assert output.count("busy") == 2, output
    assert service.run("stat -c %U:%a /run /run/melda-jupyter") == "root:755\nroot:755\n"
    service.stop()
    assert service.inspect("{{.State.ExitCode}}") == "0", service.logs()


DEEP = """
import os
here = os.open("/home/melda", os.O_RDONLY)
for _ in range({depth}):
    os.mkdir("d", dir_fd=here)
    inner = os.open("d", os.O_RDONLY, dir_fd=here)
    os.close(here)
    here = inner
open(os.open("file", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=here), "w").close()
"""
CLEAR = """
import os
here, depth = os.open("/home/melda/d", os.O_RDONLY), 0
while "d" in os.listdir(here):
    inner = os.open("d", os.O_RDONLY, dir_fd=here)
    os.close(here)
    here, depth = inner, depth + 1
print(os.stat("file", dir_fd=here).st_uid, depth + 1)
os.unlink("file", dir_fd=here)
for _ in range(depth):
    above = os.open("..", os.O_RDONLY, dir_fd=here)
    os.rmdir("d", dir_fd=above)
    os.close(here)
    here = above
os.rmdir("/home/melda/d")
"""


@pytest.mark.parametrize("depth", [1200, pytest.param(100_000, marks=pytest.mark.full)])
def test_folders_in_each_other(serve: Callable[..., Service], depth: int) -> None:
    service = serve().ready()
    python(service, DEEP.format(depth=depth))
    # A file of root's at the bottom becomes the user's as any other.
    service.run(
        f"cd /home/melda && python3 -c \"import os\nfor _ in range({depth}): os.chdir('d')\nos.chown('file', 0, 0)\""
    )
    restart(service, 2)
    assert python(service, CLEAR) == f"1001 {depth}\n"
