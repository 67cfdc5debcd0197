"""Where start-jupyter is not PID 1, or may not have a setuid helper: what was asked for is there, or the start says why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.container.machines import Machine, until
from tests.container.services import BUCKET, Service
from tests.fakes.s3 import Server

from .tools import background

Run = Callable[..., Service]
SIZE = 20_000_000
# Goes on when it is asked to end, as a program that knows nothing of containers.
WRITER = """
import os, signal, sys, time
if len(sys.argv) > 1 and os.fork():
    sys.exit()
os.setsid() if len(sys.argv) > 1 else None
stream = open("/home/melda/project/" + NAME, "wb", buffering=0)
for _ in range(20):
    stream.write(b"x" * 1_000_000)
open("/tmp/" + NAME, "w").close()
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


def sizes(s3: Server, folder: str) -> dict[str, int]:
    """Of the files in the bucket."""
    listed = s3.client().list_objects_v2(Bucket=BUCKET, Prefix=f"users/{folder}/").get("Contents", [])
    return {one["Key"].rpartition("/")[2]: one["Size"] for one in listed if one["Key"].endswith(".bin")}


def writer(name: str) -> str:
    return WRITER.replace("NAME", repr(name))


@pytest.mark.parametrize("how", ["init", "pid namespace of another container", "PID 1"])
def test_open_files(docker: str, image: str, mounted: Run, module_s3: Server, how: str) -> None:
    """Programs of docker exec and of a cell write 20 MB each into a file of the project and keep it open; docker stop.
    Proves: what still writes is ended and saved, or the start is refused in one line."""
    pause = Machine(docker, image, command=("tail", "-f", "/dev/null")) if how.startswith("pid") else None
    try:
        options = {"init": ("--init",), "PID 1": ()}.get(how, ("--pid", f"container:{pause.name}" if pause else ""))
        folder = f"open-{how[:4].strip()}"
        service = mounted(folder, *options)
        if refused(service):
            return
        background(service, writer("exec.bin"))
        # It is waited for: a kernel that is shut down ends its session and its children, and that one is after this cell.
        detached = {"cwd": "/", "check": True, "start_new_session": True}
        command = ["/usr/bin/python3", "-ISc", writer("cell.bin"), "detached"]
        assert (
            service.notebook.run("python3", f"import subprocess; subprocess.run({command!r}, **{detached!r})").status
            == "ok"
        )
        until(lambda: {"exec.bin", "cell.bin"} <= set(service.run("ls /tmp").split()), "both are written")
        service.stop()
        assert sizes(module_s3, folder) == {"exec.bin": SIZE, "cell.bin": SIZE}, service.logs()[-1500:]
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
