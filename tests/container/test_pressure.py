"""Want of processes, memory, descriptors or disk ends what the user computes, never the container; then all works again."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fakes.s3 import Server

from .machines import until
from .projects import PYTHON
from .services import BUCKET, MOUNT, Service, bucket_variables
from .test_not_pid_1 import size

Serve = Callable[..., Service]
SERVICES = ("start-jupyter", "s3fs", "jupyter_notebook", "plugin-sync", "version_check")


@pytest.fixture
def project(s3: Server) -> dict[str, str]:
    """Variables of a container whose project is in a bucket."""
    return bucket_variables(s3, s3.bucket(BUCKET), s3.credentials("melda-test-user", BUCKET))


def numbers(service: Service) -> dict[str, str]:
    """Process numbers of what must go on."""
    rows = [line.split(None, 1) for line in service.run("ps -eo pid=,args=").splitlines()]
    return {name: pid for name in SERVICES for pid, args in rows if name in args and "ps -eo" not in args}


def works(service: Service, s3: Server, before: dict[str, str]) -> None:
    """The same processes serve; cells run, what they write is in the bucket, and what is installed is saved."""
    assert numbers(service) == before, service.logs()[-3000:]
    for kernel, code in (("python3", "open('{0}', 'w').write('kept')"), ("ir", "cat('kept', file = '{0}')")):
        done = service.notebook.run(kernel, code.format(kernel))
        assert done.status == "ok", done
        assert size(s3, kernel) == 4
    service.run(
        f"mkdir -p /home/melda/project/{PYTHON}/lib && touch /home/melda/project/{PYTHON}/lib/new", user="melda"
    )
    until(
        lambda: (
            "lib/new" in service.run(f"cat /var/lib/melda-jupyter/plugins/{PYTHON}.json", check=False)
            or service.health()["plugins"].startswith("saved at")
        ),
        "the plugins are saved",
    )
    until(lambda: set(service.health().values()) >= {"ok"} and service.health()["mount"] == "ok", "all is well")


# Takes every process there is, for as long as there is no /tmp/enough, and kills the version service meanwhile.
FORK = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
children, killed = [], False
while not os.path.exists('/tmp/enough'):
    try:
        pid = os.fork()
    except OSError as error:
        if not killed:
            killed = error.errno
            os.kill(VERSION, 9)
        time.sleep(0.01)
        continue
    if not pid:
        time.sleep(600)
        os._exit(0)
    children.append(pid)
for pid in children:
    os.kill(pid, 9)
print(killed)
"""


def put(service: Service, path: Path, target: str) -> None:
    """Copy a file into the container, where no process can be started."""
    subprocess.run([service.docker, "cp", str(path), f"{service.name}:{target}"], check=True)


@pytest.mark.full  # tests/attack/test_pressure.py tries the same with any image
def test_no_process_is_left(serve: Serve, s3: Server, project: dict[str, str], tmp_path: Path) -> None:
    service = serve(*MOUNT, "--pids-limit", "150", **project).ready()
    version = numbers(service)["version_check"]
    (tmp_path / "enough").touch()
    with service.notebook.start("python3") as kernel, ThreadPoolExecutor(1) as pool:
        running = pool.submit(kernel.run, FORK.replace("VERSION", version), 120)
        # The watch of the mount starts a process now and then; a service that ended is to be started again.
        service.says("the mount cannot be asked, it is tried again: ", 60)
        service.says("version service cannot be started, it is tried again: ", 60)
        put(service, tmp_path / "enough", "/tmp/enough")
        assert running.result().stdout == "11\n"
    until(lambda: "version_check" in numbers(service), "it is started again", 60)
    before = numbers(service)
    assert version != before["version_check"]
    works(service, s3, before)
    assert service.logs().count("the mount cannot be asked") == 1, "said once"


BOMB = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
held = open('held', 'w')
held.write('x' * 1000000)
open('bombs', 'w').close()
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        time.sleep(0.01)
"""


def test_stopped_while_there_is_no_process_left(serve: Serve, s3: Server, project: dict[str, str]) -> None:
    """All forks of a kernel, deaf to SIGTERM, replace whoever is killed."""
    service = serve(*MOUNT, "--pids-limit", "150", **project).ready()
    kernel = service.notebook.start("python3")
    kernel.send(BOMB)
    until(lambda: size(s3, "bombs") >= 0, "it begins")
    service.says("cannot be asked, it is tried again: ")
    service.stop()
    kernel.close()
    assert service.inspect("{{.State.ExitCode}}") == "0", "\n".join(service.lines()[-12:])
    assert size(s3, "held") == 1000000


# Each takes 30 MB; they end when there is no room for more, and are started again.
WORKERS = """
import subprocess, sys
code = 'x = bytearray(30 << 20); x[::4096] = b"x" * len(x[::4096]); import time; time.sleep(600)'
workers = [subprocess.Popen([sys.executable, '-Ic', code]) for _ in range(60)]
while all(worker.poll() is None for worker in workers): pass
print(-9 in [worker.poll() for worker in workers])
"""


@pytest.mark.full  # tests/attack/test_pressure.py tries the same with any image
def test_no_memory_is_left(serve: Serve, s3: Server, project: dict[str, str]) -> None:
    """Jupyter, which is larger than each worker, stays."""
    service = serve(*MOUNT, "--memory", "1200m", "--memory-swap", "1200m", **project).ready()
    before = numbers(service)
    kernel = service.notebook.start("python3")
    kernel.send(WORKERS)
    kills = service.inspect("{{.Id}}")
    until(lambda: oom_kills(kills) > 0 or not service.running, "the kernel kills somebody")
    assert service.running, service.logs()[-3000:]
    kernel.close()
    service.run("pkill -f '[x] = bytearray'", check=False)
    service.says("killed by the kernel, as the container's limit of 1.2 GiB was used up")
    assert "killed by the kernel" in service.health()["memory"]
    works(service, s3, before)


def oom_kills(container: str) -> int:
    """How often the kernel killed for want of memory; cgroup v1, and v2. From outside: inside there is no room to ask."""
    for path in (
        f"memory/docker/{container}/memory.oom_control",
        f"system.slice/docker-{container}.scope/memory.events",
    ):
        file = Path("/sys/fs/cgroup", path)
        if file.exists():
            return int(re.findall(r"^oom_kill (\d+)", file.read_text(), re.MULTILINE)[0])
    return 0


def score(text: str) -> int:
    found = re.search(r"score=(-?\d+)", text)
    assert found, text
    return int(found.group(1))


OWN = "print('score=' + open('/proc/self/oom_score_adj').read())"
SPEC = """{"argv": ["bash", "-c", "exec python -m ipykernel_launcher -f $0", "{connection_file}"], "display_name": "x",
"language": "python"}"""


def test_who_is_killed_first(service: Service) -> None:
    """Kernels of every kind, terminals and what they start; not what serves them."""
    service.run(f"d=~/.local/share/jupyter/kernels/own && mkdir -p $d && echo '{SPEC}' >$d/kernel.json", user="melda")
    assert score(service.notebook.run("own", OWN).stdout) == 800
    child = (
        "import subprocess; print('score=' + subprocess.check_output(['cat', '/proc/self/oom_score_adj'], text=True))"
    )
    with service.notebook.start("python3") as kernel:
        assert [score(kernel.run(code).stdout) for code in (OWN, child)] == [800, 800]
    assert (
        score(service.notebook.run("ir", "cat('score=', readLines('/proc/self/oom_score_adj'), sep='')").stdout) == 800
    )
    service.notebook.request("POST", "/api/terminals", {})
    shell = "for p in $(pgrep -x bash); do echo score=$(cat /proc/$p/oom_score_adj); done"
    until(lambda: "score=" in service.run(shell), "the terminal's shell runs")
    assert score(service.run(shell)) == 800
    for name in ("jupyter_notebook", "plugin-sync", "version_check", "start-jupyter"):
        assert service.run(f"cat /proc/$(pgrep -of '{name[:-1]}[{name[-1]}]')/oom_score_adj").strip() == "0", name


OPEN = """
import os
held = []
try:
    while True: held.append(open('/home/melda/project/%d' % len(held), 'w'))
except OSError as error:
    print(error.errno)
"""


@pytest.mark.full  # tests/attack/test_pressure.py tries the same with any image
def test_no_descriptor_is_left(serve: Serve, s3: Server, project: dict[str, str]) -> None:
    """Neither in kernels, nor in s3fs, which has one for each open file of the project, nor in Jupyter."""
    service = serve(*MOUNT, "--ulimit", "nofile=256:256", **project).ready()
    before = numbers(service)
    # More than Jupyter keeps for those who do not ask for anything.
    service.run(
        f"cat >/tmp/connect <<'EOF'\n{CONNECT}\nEOF\ncd /; for _ in 1 2; do python3 -I /tmp/connect >/dev/null 2>&1 & done",
        user="melda",
    )
    service.says("that waited for their clients", 60)
    service.run("pkill -f '[t]mp/connect'", check=False)
    first, second = (service.notebook.start("python3") for _ in range(2))
    assert first.run(OPEN).stdout.strip() in ("23", "24")
    second.send(OPEN.replace("/%d", "/second-%d"))  # for want of sockets s3fs is slow from here on
    until(
        lambda: "second" in service.run("ls /proc/$(pgrep -x s3fs)/fd | wc -l | sed 's/^2[345].*/second/'"),
        "it has none",
    )
    service.run("pkill -KILL -f '[k]ernel.py'", check=False)
    until(lambda: service.run("ls /home/melda/project >/dev/null && echo well").strip().endswith("well"), "s3fs serves")
    works(service, s3, before)


CONNECT = """
import socket, time
kept = [socket.create_connection(('127.0.0.1', 8888)) for _ in range(150)]
time.sleep(600)
"""
FILL = """
import os
filled = []
def fill(path):
    try:
        with open(path, 'wb', buffering=0) as stream:
            while True: stream.write(bytes(1 << 16))
    except OSError as error:
        filled.append(error.errno)
places = '/home/melda', '/tmp', '/var/lib/melda-jupyter/plugins/PYTHON', '/run/melda-jupyter/plugins'
for place in places:
    fill(place + '/filler')
print(filled)
""".replace("PYTHON", PYTHON)


def test_the_disk_is_full(serve: Serve, s3: Server, project: dict[str, str]) -> None:
    tmpfs = (
        "/home/melda:size=16m,uid=1001,gid=1001,mode=755,exec", "/tmp:size=80m,mode=1777,exec",
        "/var/lib/melda-jupyter:size=16m,exec", "/run:size=1m,exec",
    )  # fmt: skip
    service = serve(*MOUNT, *(part for each in tmpfs for part in ("--tmpfs", each)), **project).ready()
    before = numbers(service)
    version = before["version_check"]
    with service.notebook.start("python3") as kernel:
        kernel.run("open('before', 'w').write('kept')")
        assert kernel.run(FILL).stdout.strip() == "[28, 28, 28, 28]"
        refused = kernel.run("open('refused', 'wb').write(bytes(1 << 20))")
        assert refused.status == "error", refused
        # Every state that is written now: the mount's, and what is saved.
        s3.hang()
        service.says("the mount fails: S3 does not answer", 60)
        s3.answer()
        service.says("the mount answers again", 60)
        kernel.run(f"os.kill({version}, 9)")
        service.says("version service was killed by signal 9")
        assert kernel.run("for place in places: os.unlink(place + '/filler')").status == "ok"
    until(lambda: "version_check" in numbers(service), "it is started again")
    works(service, s3, numbers(service) if before.pop("version_check") else {})
    assert {name: pid for name, pid in numbers(service).items() if name != "version_check"} == before
    assert size(s3, "before") == 4
