"""What a user makes of the home, the project and our folders, once; every start after that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from tests.container.machines import until
from tests.container.services import Service

from .tools import python

Run = Callable[..., Service]

# Under each name that a start reads, writes or makes in what is the user's; the last word says what is put there.
DAMAGE = """
import glob, os, socket, sys
home = "/home/melda"
project = home + "/project"
(py,) = [path for path in glob.glob(project + "/Python-*") if path.count(".") == 2]
(r,) = [path for path in glob.glob(project + "/R-*") if path.count(".") == 2]
run, local = "/run/melda-jupyter", "/var/lib/melda-jupyter/plugins"
def file(path):
    with open(path, "w") as stream:
        stream.write("mine")
def text(content):
    def write(path):
        with open(path, "w") as stream:
            stream.write(content)
    return write
def folder(path): os.makedirs(path + "/mine")
def fifo(path): os.mkfifo(path)
def zeros(path): os.symlink("/dev/zero", path)
def away(path): os.symlink("/etc", path)
def loop(path): os.symlink(path, path)
def huge(path): open(path, "w").truncate(1 << 26)
def bytes_(path): open(path, "wb").write(b"\\xff\\0[global")
def sock(path): socket.socket(socket.AF_UNIX).bind(path)
def closed(path):
    folder(path)
    os.chmod(path, 0)
def unreadable(path):
    file(path)
    os.chmod(path, 0)
def deep(path):
    os.makedirs(path)
    here = os.open(path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
def put(path, make):
    "As a user: what is there goes out of the way, and its name is taken."
    parent = os.path.dirname(path)
    for taken in (parent, path):
        if os.path.lexists(taken) and not (taken == parent and os.access(parent, os.W_OK) and os.path.isdir(parent)):
            os.rename(taken, taken + ".before-" + str(number))
    os.makedirs(parent, exist_ok=True)
    make(path)
ROUNDS = [
    # folders of ours, and where there is a bucket those on local disk
    [(run + "/plugins/" + name, make) for name, make in (
        ("state", folder), ("fork", fifo), ("restoring", deep), ("interrupted", closed), ("start", folder))]
    + [(run + "/health/" + name, make) for name, make in (
        ("jupyter", folder), ("socket", deep), ("jupyter.configuration", folder))]
    + [(home + "/.pip/pip.conf", huge), (r, file), (py + "/lib", fifo), (home + "/.jupyter", file),
       (home + "/.local/share/jupyter/runtime/jupyter_cookie_secret", zeros), (home + "/.ipython", file)],
    [(run + "/plugins/restoring", folder), (run + "/health/jupyter", file), (home + "/.pip/pip.conf", folder),
     (home + "/.jupyter/jupyter_server_config.py", text("import sys; sys.exit(1)")), (py, closed), (r, away),
     (home + "/.local/share/jupyter/runtime", file), (home + "/.ipython", fifo), (home + "/.bashrc", folder)],
    [(home + "/.pip/pip.conf", fifo), (home + "/.jupyter/jupyter_server_config.py", text("x = (")),
     (home + "/.jupyter/jupyter_server_config.json", text("[]")), (home + "/.local/share/jupyter", file),
     (py + "/bin/python", folder), (py + "/pyvenv.cfg", zeros), (r + "/00LOCK", file), (r + "/00LOCK-..", folder),
     (r + "/00LOCK-deep", deep), (r + "/00LOCK-link", away)],
    [(home + "/.pip", unreadable), (home + "/.local", file), (home + "/.jupyter", closed), (py, file), (r, closed),
     (home + "/.ipython", closed), (home + "/.cache", file), (home + "/.config", fifo), (home + "/.profile", fifo)],
    [(home + "/.jupyter/jupyter_server_config.py", text(
        "c.ServerApp.port = 9999; c.ServerApp.ip = '127.0.0.1'; c.ServerApp.base_url = '/x/'; c.ServerApp.sock = '/tmp/x';"
        "c.ServerApp.certfile = '/etc/passwd'")),
     (home + "/.pip/pip.conf", bytes_), (home + "/.local", closed), (py, away), (r, fifo),
     (home + "/.local.sock", sock), (home + "/.virtual_documents", fifo), (home + "/.Rprofile.d", fifo)],
]
LOCAL = [
    [(local + "/" + os.path.basename(r), file), (local + "/" + os.path.basename(py) + ".json", folder)],
    [(local + "/" + os.path.basename(r), away), (local + "/" + os.path.basename(r) + ".json", fifo)],
    [(local + "/" + os.path.basename(py), closed), (local + "/" + os.path.basename(r) + ".new", deep)],
    [(local + "/" + os.path.basename(py), fifo), (local + "/" + os.path.basename(r) + ".new", sock)],
    [(local + "/" + os.path.basename(py) + ".json", zeros), (local + "/" + os.path.basename(r) + ".json", bytes_)],
]
number, bucket = int(sys.argv[1]), sys.argv[2] == "bucket"
mounted = (py, r) if bucket else ()
for path, make in ROUNDS[number] + (LOCAL[number] if bucket else []):
    if path not in mounted:  # nobody can rename what is mounted
        put(path, make)
if not bucket and number == 4:
    assert os.system("mv %s %s/mine" % (project, home)) == 0
    os.symlink("mine", project)
for path in (run + "/plugins", run + "/health", local, project, home):
    try:
        os.chmod(path, 0 if number % 2 else 0o300)
    except OSError:  # of a mount
        assert bucket and path == project
"""
# The user's files, under whatever names. What lies in a kept plugin folder and could not be saved is sync.md's matter.
FIND = "-xdev -type f -size 4c -exec grep -lx mine {} +"
MINE = f"cd /; find /home/melda {FIND}; find /var/lib/melda-jupyter/plugins -maxdepth 1 {FIND}"
ROUNDS = range(5)
# Jupyter's configuration, which takes away what it finds of a note that it starts.
CONFIGURATION = """
import contextlib, glob, os, time
for name in glob.glob("/run/melda-jupyter/*/*starting") + glob.glob("/var/lib/melda-jupyter/*starting"):
    with contextlib.suppress(OSError):
        os.unlink(name)
open("/tmp/tried", "w").close()
"""
WRITE = """
import os, sys
os.makedirs("/home/melda/.jupyter", exist_ok=True)
with open("/home/melda/.jupyter/jupyter_server_config.py", "w") as stream:
    stream.write(sys.argv[1])
"""
OLD = "find /tmp/tried ! -newermt '-11 seconds' 2>/dev/null"  # older than what is a stop in time


def well(service: Service, times: int) -> dict[str, str]:
    """See that it is ready for the ``times``-th time, and that both kernels run."""
    service.ready(times)
    assert service.notebook.run("python3", "print(6 * 7)").stdout == "42\n"
    assert service.notebook.run("ir", "cat(6 * 7)").stdout == "42"
    answer = requests.get(f"http://{service.address}:2310/healthz", timeout=30)
    assert answer.status_code == 200, answer.text
    return service.health()


@pytest.mark.parametrize("place", [pytest.param("local", marks=pytest.mark.full), "bucket"])
def test_broken_starts(run: Run, mounted: Run, place: str) -> None:
    """Whatever can lie there, under every name a start uses in what is the user's. Then a restart.
    Proves: each start is ready, its kernels run, the log says what was set aside, and nothing of the user's is gone."""
    service = (mounted("broken") if place == "bucket" else run()).ready()
    for number in ROUNDS:
        python(service, DAMAGE, str(number), place)
        mine = len(service.run(MINE).split())
        before = len(service.logs())
        service.stop()
        service.start()
        found = well(service, number + 2)
        output = service.logs()[before:]
        assert "set aside as" in output or "left out" in output, output
        assert ("configuration" in found) == (number in (1, 2)), found
        assert len(service.run(MINE).split()) >= mine, "nothing of the user's is gone"


def test_configuration(run: Run) -> None:
    """A configuration removes every note of the start, and ends Jupyter at once with success; one hangs until somebody stops it.
    Proves: the former start failed, with an exit code that a restart policy knows; the next ones are ready without it."""
    service = run().ready()
    python(service, WRITE, CONFIGURATION + "os._exit(0)")
    service.stop()
    service.start()
    code, lines = service.ended()
    assert code == 1 and "Jupyter was not ready yet: the start has failed" in lines, lines
    service.start()
    assert service.ready(2).health()["configuration"].startswith("left out: the last start")
    python(service, WRITE, CONFIGURATION + "time.sleep(1e6)")
    service.run("rm /tmp/tried")
    service.stop()
    before = len(service.logs())
    service.start()
    until(lambda: service.run(OLD, check=False) != "", "it hangs")
    service.stop()
    service.start()
    assert well(service, 3)["configuration"].startswith("left out: the last start")
    assert "~/.jupyter is left out: the last start" in service.logs()[before:]
