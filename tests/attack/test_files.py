"""Files that are no files, folders without an end, and what vanishes while somebody looks."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.container.machines import Machine, until
from tests.container.services import Service

from .tools import background, plugins, python, restart

Run = Callable[..., Service]

# Each in a package of its own, under each name that is read of an installed package.
ODD = """
import os, socket, sys
site, library = sys.argv[1:3]
def fifo(path): os.mkfifo(path)
def link(path): os.symlink("/dev/zero", path)
def tty(path): os.symlink("/dev/stdin", path)
def sock(path):
    os.chdir(os.path.dirname(path))
    socket.socket(socket.AF_UNIX).bind(os.path.basename(path))
def folder(path): os.mkdir(path)
def huge(path): open(path, "w").truncate(1 << 26)
def loop(path): os.symlink(path, path)
for kind in (fifo, link, tty, sock, folder, huge, loop):
    for name in ("METADATA", "RECORD", "direct_url.json", "INSTALLER", "REQUESTED", "WHEEL", "top_level.txt", "entry_points.txt"):
        package = "odd_%s_%s" % (kind.__name__, name.split(".")[0].lower())
        info = "%s/%s-1.0.dist-info" % (site, package)
        os.mkdir(info)
        for file in {"METADATA", "RECORD", "INSTALLER"} - {name}:
            text = "Metadata-Version: 2.1\\nName: %s\\nVersion: 1.0\\n" % package if file == "METADATA" else ""
            open(info + "/" + file, "w").write(text)
        kind(info + "/" + name)
    kind("%s/odd_whole_%s-1.0.dist-info" % (site, kind.__name__))
    kind("%s/odd_%s.egg-link" % (site, kind.__name__))
    for name in ("DESCRIPTION", "Meta/package.rds", "Meta"):
        package = "%s/odd%s%s" % (library, kind.__name__, name.split(".")[0].replace("/", "").lower())
        os.makedirs(package + "/Meta" if "/" in name else package)
        if name != "DESCRIPTION":
            open(package + "/DESCRIPTION", "w").write("Package: %s\\nVersion: 1.0\\n" % os.path.basename(package))
        kind(package + "/" + name)
    kind(library + "/odd" + kind.__name__)
info = site + "/sound-1.0.dist-info"
os.mkdir(info)
open(info + "/METADATA", "w").write("Metadata-Version: 2.1\\nName: sound\\nVersion: 1.0\\n")
open(info + "/RECORD", "w").write("sound.py,,\\n")
open(site + "/sound.py", "w").write("V = 1\\n")
"""


def test_odd_files(mounted: Run) -> None:
    """A FIFO, a device, a socket, a folder, 64 MB of nothing, a loop, under each name that is read of a package.
    Proves: /versions, /environment, captures and a start answer, and other packages are named and saved."""
    service = mounted("odd").ready()
    own = plugins(service)
    python(service, ODD, own.site, own.r)
    headers = {"Authorization": f"token {service.token}"}
    for _ in range(10):  # more than there are threads
        for path in ("versions", "environment"):
            answer = requests.get(f"http://{service.address}:2310/{path}", headers=headers, timeout=30)
            assert answer.status_code == 200 and "sound" in answer.text, path
    assert "sound" in service.run("cd /; timeout 30 get-versions --output -", user="melda")
    assert "sound" in service.run(
        "timeout 60 melda-env capture --no-files /tmp/c 2>/dev/null; cat /tmp/c", user="melda"
    )
    assert service.notebook.run("python3", "import sound; print(sound.V)").stdout == "1\n"
    # Not installed.packages(): R itself waits for a FIFO called Meta/package.rds, in the kernel of whoever made it.
    assert service.notebook.run("ir", "library(jsonlite); cat(toJSON(2))").stdout == "[2]"
    restart(service)  # before three minutes are over, in which what has no RECORD may be an installation
    assert "/sound.py" in service.run("cat /home/melda/project/.melda-jupyter/Python-*/*.json", user="melda")


DEEP = """
import os, sys
for folder, count in zip(sys.argv[1::2], map(int, sys.argv[2::2])):
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    for _ in range(count):
        os.mkdir("d")
        os.chdir("d")
    open("end", "w").close()
"""
# As deep as it is, Docker could not remove it either.
REMOVE = """
import os, sys
for folder in sys.argv[1:]:
    os.chdir(folder)
    depth = 0
    while os.path.isdir("d"):
        os.chdir("d")
        depth += 1
    os.unlink("end")
    for _ in range(depth):
        os.chdir("..")
        os.rmdir("d")
"""


@pytest.fixture
def deep(mounted: Run, run: Run, request: pytest.FixtureRequest) -> Iterator[Service]:
    """A container, whose deep folders are removed at the end, running or not."""
    service = mounted("deep").ready() if request.param == "bucket" else run().ready()
    yield service
    if not service.running:  # it does not start any more: from beside it
        return
    own = plugins(service)
    python(service, REMOVE, "/home/melda/deep", own.site + "/deep", own.r + "/deep")


@pytest.mark.parametrize("deep", ["local", "bucket"], indirect=True)
def test_deep_folders(deep: Service) -> None:
    """5,000 folders in each other in the home and in both plugin folders; docker restart.
    Proves: it starts, says its versions, and saves other packages."""
    own = plugins(deep)
    python(deep, DEEP, "/home/melda/deep", "5000", own.site + "/deep", "5000", own.r + "/deep", "5000")
    deep.run(f"mkdir {own.site}/shallow && echo V=1 >{own.site}/shallow/__init__.py", user="melda")
    if deep.health()["plugins"].startswith("kept") is False:
        until(lambda: "shallow" in deep.logs(), "another package is saved", 60)
    for path in ("versions", "healthz"):
        assert requests.get(f"http://{deep.address}:2310/{path}", timeout=30).status_code == 200, path
    restart(deep)


# All go before the first comes again: what was listed is mostly gone when it is looked at.
CHURN = """
import os, shutil
home = "/home/melda/churn"
while True:
    for number in range(500):
        os.makedirs("%s/%d/a/b" % (home, number), exist_ok=True)
        open("%s/%d/a/file" % (home, number), "w").close()
    open(home + "/ready", "w").close()
    for number in range(500):
        path = "%s/%d" % (home, number)
        try:
            shutil.rmtree(path) if number % 3 else os.rename(path, "%s/other-%d" % (home, number))
        except OSError:
            shutil.rmtree("%s/other-%d" % (home, number), ignore_errors=True)
"""


@pytest.fixture
def home(docker: str) -> Iterator[str]:
    """A volume for the home, of which two containers have a share."""
    name = f"melda-test-{secrets.token_hex(6)}"
    subprocess.run([docker, "volume", "create", name], check=True, stdout=subprocess.DEVNULL)
    yield name
    subprocess.run([docker, "volume", "rm", "--force", name], check=False, stdout=subprocess.DEVNULL)


def test_vanishing(docker: str, image: str, run: Run, home: str) -> None:
    """Files and folders come, go and change their names, from another container of the same home, in three starts.
    Proves: what vanishes while root walks over the home is no error."""
    share = ("--volume", f"{home}:/home/melda")
    other = Machine(docker, image, share, ("tail", "-f", "/dev/null"))
    service = None
    try:
        background(other, CHURN)
        until(lambda: "ready" in other.run("ls /home/melda/churn 2>/dev/null || true"), "they come and go")
        service = run(*share).ready()
        for times in range(2, 4):
            service.kill()
            service.start()
            service.ready(times)
    finally:
        other.remove()
        if service:
            service.remove()
