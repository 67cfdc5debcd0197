"""The user takes all processes, all memory, all descriptors, the whole disk: that ends kernels, and nothing else."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable

import requests

from tests.container.machines import until
from tests.container.services import Service

from .tools import plugins, python, stays

Run = Callable[..., Service]
# The slowest of the timers looks at the mount every 15 seconds.
PERIOD = 18

# Whatever ends is taken at once by another sleeper, by a thread that is there before: nobody else gets a process.
FORKS = """
import os, threading, time
children, full, over = [], threading.Event(), time.monotonic() + SECONDS
def take():
    while time.monotonic() < over:
        try:
            pid = os.fork()
        except BlockingIOError:
            full.set()
            time.sleep(0.01)
            continue
        if pid == 0:
            while True:
                time.sleep(600)
        children.append(pid)
    # Here, in a thread that is there: a cell could not be given one.
    for pid in children:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
threading.Thread(target=take).start()
full.wait()
os.kill(VERSIONS, 9)
print("full")
"""
WORKERS = """
import os, time
for _ in range(45):
    if os.fork() == 0:
        held = os.urandom(1 << 20) * 30
        time.sleep(600)
        os._exit(0)
time.sleep(600)
"""
ADJUSTED = """
import glob, json
found = {}
for path in glob.glob("/proc/[0-9]*"):
    try:
        command = open(path + "/cmdline").read().replace("\\0", " ")
        found[path.rsplit("/", 1)[1] + " " + command] = int(open(path + "/oom_score_adj").read())
    except OSError:
        pass
print(json.dumps(found))
"""
FILL = """
import os, sys
for folder in sys.argv[1:]:
    for number, size in enumerate((1 << 20, 1 << 12, 1)):
        try:
            with open("%s/full-%d" % (folder, number), "wb", buffering=0) as stream:
                while True:
                    stream.write(b"x" * size)
        except OSError as error:
            print(folder, error.strerror)
"""


def alive(service: Service) -> bool:
    """Does it serve, and does all of it say so?"""
    try:
        return service.running and requests.get(f"http://{service.address}:2310/healthz", timeout=10).status_code == 200
    except requests.RequestException:
        return False


def test_processes(alone: Run) -> None:
    """`--pids-limit 150`; the user forks until there is no process left, keeps it so, and kills a service.
    Proves: PID 1, the mount, Jupyter and the sync daemon go on, and all is well once there are processes again."""
    service = alone("processes", "--pids-limit", "150").ready()
    with service.notebook.start("python3") as kernel:
        victim = service.run("pgrep -f '[v]ersion_check'").split()[0]
        assert kernel.run(FORKS.replace("VERSIONS", victim).replace("SECONDS", str(PERIOD + 5))).stdout == "full\n"
        stays(lambda: service.running, "no process left", PERIOD)
        until(lambda: "cannot" not in service.run("ls / || echo cannot", check=False), "there are processes again", 60)
    until(lambda: alive(service), "all is well", 60)
    assert service.notebook.run("python3", "open('after', 'w').write('x')").status == "ok"
    service.stop()
    assert service.inspect("{{.State.ExitCode}}") == "0", service.logs()[-2000:]


def test_memory(alone: Run) -> None:
    """`--memory 1200m`; a kernel starts 45 workers of 30 MB, each smaller than Jupyter.
    Proves: the kernel's killer takes what a kernel started; PID 1, the mount and Jupyter go on."""
    service = alone("memory", "--memory", "1200m", "--memory-swap", "1200m").ready()
    events = "cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control 2>/dev/null"

    def killed() -> bool:
        lines = service.run(events, check=False).split("\n") if service.running else ["oom_kill 1"]
        return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in lines)

    with service.notebook.start("python3") as kernel:
        kernel.send(WORKERS)
        until(killed, "somebody is killed", 60)
        stays(lambda: service.running, service.logs()[-1000:], 5)
        kernel.close()
    until(lambda: alive(service), "all is well", 60)
    service.run("pkill -KILL -f '[i]pykernel' || true")
    assert service.notebook.run("python3", "print(1)").stdout == "1\n"
    assert "jupyter was killed" not in service.logs() and "s3fs was killed" not in service.logs()


def test_who_is_killed_first(alone: Run) -> None:
    """What the kernel is told of each process: a cell, what it starts, a terminal, and what serves them.
    Proves: kernels, terminals and what they start are taken before anything else."""
    service = alone("adjusted").ready()
    service.notebook.request("POST", "/api/terminals")
    with service.notebook.start("ir"), service.notebook.start("python3") as kernel:
        assert kernel.run("import subprocess; p = subprocess.Popen(['sleep', '600'])").status == "ok"
        until(lambda: "bash" in service.run("ps -eo args"), "the terminal's shell")
        found = json.loads(python(service, ADJUSTED, user="root"))
    theirs = ("kernel.py", "IRkernel", "sleep 600", "/bin/bash")
    users = {command: value for command, value in found.items() if any(word in command for word in theirs)}
    others = {
        command: value
        for command, value in found.items()
        if any(
            word in command for word in ("jupyter_notebook", "s3fs", "start-jupyter", "plugin-sync", "version_check")
        )
    }
    assert len(users) >= 4 and len(others) >= 5, found
    assert min(users.values()) > max(others.values()), found


def test_descriptors(run: Run) -> None:
    """`--ulimit nofile=300`; a client keeps 400 connections open to each port.
    Proves: the container goes on, and serves again once they are closed."""
    service = run("--ulimit", "nofile=300:300").ready()
    with contextlib.ExitStack() as held:
        for port in (8888, 2310):
            for _ in range(400):
                connection = held.enter_context(contextlib.closing(socket.socket()))
                connection.setblocking(False)
                connection.connect_ex((service.address, port))
        stays(lambda: service.running, "no descriptor left", 3)
    until(lambda: alive(service), "all is well", 60)
    assert service.notebook.run("python3", "print(1)").stdout == "1\n"
    assert "jupyter ended" not in service.logs()


def test_disk(alone: Run) -> None:
    """The user fills the places on disk that a user may write to, and kills a service.
    Proves: PID 1, the mount, Jupyter and the sync daemon go on, and packages are saved once there is room again."""
    # s3fs wants 60 MB of /tmp to start.
    sizes = {"/tmp": "size=200m,mode=1777", "/run": "size=8m,mode=755", "/var/lib/melda-jupyter": "size=24m,mode=755"}
    service = alone("disk", *(part for at, size in sizes.items() for part in ("--tmpfs", f"{at}:{size}"))).ready()
    until(lambda: alive(service), "all is well", 60)
    own = plugins(service)
    with service.notebook.start("python3") as kernel:
        folders = service.run(
            "for d in /tmp /run/melda-jupyter/plugins /var/lib/melda-jupyter/plugins; do [ ! -d $d ] || echo $d; done"
        )
        output = python(service, FILL, *folders.split())
        assert "No space left" in output, output
        service.run("pkill -KILL -f '[v]ersion_check'", user="melda")
        stays(lambda: service.running, "no room left", 5)
        service.run("rm -f " + " ".join(f"{folder}/full-*" for folder in folders.split()), user="melda")
        assert kernel.run("print(6 * 7)").stdout == "42\n"
    until(lambda: alive(service), "all is well", 60)
    service.run(f"mkdir -p {own.site}/roomy && echo V=1 > {own.site}/roomy/__init__.py", user="melda")
    until(lambda: service.health()["plugins"].startswith("saved at"), "it is saved", 60)
