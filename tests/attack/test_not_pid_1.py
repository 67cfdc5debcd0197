"""Where start-jupyter is not PID 1, or may not have a setuid helper: what was asked for is there, or the start says why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.container.machines import Machine, until
from tests.container.services import BUCKET, Service
from tests.fakes.s3 import Server

from .tools import background

Run = Callable[..., Service]
SIZE = 40_000_000
# Goes on when it is asked to end, as a program that knows nothing of containers.
WRITER = """
import os, signal, sys, time
if len(sys.argv) > 1 and os.fork():
    sys.exit()
os.setsid() if len(sys.argv) > 1 else None
stream = open("/home/melda/project/open.bin", "wb", buffering=0)
for _ in range(40):
    stream.write(b"x" * 1_000_000)
open("/tmp/written", "w").close()
while True:
    time.sleep(60)
"""


def refused(service: Service) -> bool:
    """Did it end at its start, with one line that says why?"""
    until(lambda: not service.running or service.logs().count("start-jupyter: ready: ") > 0, "it is ready, or ends")
    if service.running:
        return False
    code, lines = service.ended()
    assert code != 0 and lines and any(word in lines[-1] for word in ("PID 1", "--init", "init")), lines
    return True


def size(s3: Server, folder: str) -> int:
    """Of the file in the bucket."""
    listed = s3.client().list_objects_v2(Bucket=BUCKET, Prefix=f"users/{folder}/open.bin").get("Contents", [])
    return sum(one["Size"] for one in listed)


@pytest.mark.parametrize("how", ["init", "pid namespace of another container", "PID 1"])
@pytest.mark.parametrize("who", ["docker exec", "a cell"])
def test_open_file(docker: str, image: str, mounted: Run, module_s3: Server, how: str, who: str) -> None:
    """A program outside Jupyter writes 40 MB into a file of the project and keeps it open; docker stop.
    Proves: what still writes is ended and saved, or the start is refused in one line."""
    pause = Machine(docker, image, command=("tail", "-f", "/dev/null")) if how.startswith("pid") else None
    try:
        options = {"init": ("--init",), "PID 1": ()}.get(how, ("--pid", f"container:{pause.name}" if pause else ""))
        folder = f"open-{how[:4].strip()}-{who[-4:]}"
        service = mounted(folder, *options)
        if refused(service):
            return
        if who == "a cell":
            # It is waited for: a kernel that is shut down ends its session and its children, and that one is after this cell.
            detached = {"cwd": "/", "check": True, "start_new_session": True}
            start = f"import subprocess; subprocess.run(['/usr/bin/python3', '-ISc', {WRITER!r}, 'detached'], **{detached!r})"
            assert service.notebook.run("python3", start).status == "ok"
        else:
            background(service, WRITER)
        until(lambda: "written" in service.run("ls /tmp"), "it is written")
        service.stop()
        assert size(module_s3, folder) == SIZE, service.logs()[-1500:]
        assert service.inspect("{{.State.ExitCode}}") == "0", service.logs()[-1500:]
    finally:
        if pause:
            pause.remove()


def test_no_new_privileges(run: Run) -> None:
    """`--security-opt no-new-privileges`, with which the bus cannot start the service that installs R packages.
    Proves: install.packages() works without it, or the start and /healthz say that it compiles."""
    service = run("--security-opt", "no-new-privileges").ready()
    if "org.r_project" not in service.run("ls /usr/share/dbus-1/system-services 2>/dev/null || true"):
        pytest.skip("this image has no bspm")
    call = (
        "busctl --timeout=60 call org.r_project.linux1 /org/r_project/linux1/PackageManager org.r_project.linux1.PackageManager"
        " install ias $$ 1 meldanothing 2>&1"
    )
    works = "helper" not in service.run(call, user="melda", check=False)
    output = "no-new-privileges" in " ".join(service.lines()) and "no-new-privileges" in str(service.health())
    assert works or output, service.lines()
