"""A plain Debian server becomes what the container is: provisioned over ssh, used, broken, rebooted, provisioned again.

The tests are one story and run in their order. With ``-s`` they tell it, each line with the seconds since the start;
docs/vm-proof.txt is such a story.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.container.machines import provision, until
from tests.container.notebook import Notebook
from tests.fakes.s3 import Credentials, Server

from .machine import HOST, Vm, accelerators, bootstrap

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]
BUCKET, FOLDER = "melda-projects", "users/ada"
TOKEN = secrets.token_hex(16)
UNITS = ("firewall", "mount", "plugins", "versions", "jupyter")
PORTS = (22, 8888, 2310)
BEGAN = time.monotonic()
Say = Callable[[str], None]


@pytest.fixture(scope="module")
def say() -> Say:
    """Tell what was found."""

    def tell(text: str) -> None:
        print(f"{time.monotonic() - BEGAN:7.1f} s  {text}", flush=True)

    return tell


@pytest.fixture(scope="module")
def s3() -> Iterator[Server]:
    """An S3 service on this machine, which the guest reaches at HOST."""
    with Server("127.0.0.1") as server:
        server.bucket(BUCKET)
        yield server


@pytest.fixture(scope="module")
def keys(s3: Server) -> Credentials:
    """Of the machine's project."""
    return s3.credentials("melda-test-user", BUCKET)


def booted(folder: Path, key: Path, say: Say) -> Vm:
    """A guest that answers, with the best accelerator with which one does."""
    *better, last = accelerators()
    for accelerator in better:
        machine = Vm(folder, key, PORTS, accelerator)
        try:
            machine.up(seconds=60)
        except AssertionError:
            machine.stop()
            say(f"qemu with {accelerator}: the kernel does not boot")
        else:
            say(f"qemu with {accelerator}, 1 processor, 2 GB")
            return machine
    machine = Vm(folder, key, PORTS, last)
    say(f"qemu with {last}, 1 processor, 2 GB")
    try:
        machine.up()
    except BaseException:
        machine.stop()
        raise
    return machine


@pytest.fixture(scope="module")
def vm(tmp_path_factory: pytest.TempPathFactory, say: Say) -> Iterator[Vm]:
    """The server as an administrator gets it: it boots, it has a network, root's key lets in."""
    folder = tmp_path_factory.mktemp("vm")
    key = folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    ready = ", with the deploy's Debian packages in it" if os.environ.get("MELDA_VM_READY") else ""
    say("mmdebstrap bookworm, mke2fs" + ready)
    bootstrap("bookworm", folder, key.with_suffix(".pub").read_text().strip())
    machine = booted(folder, key, say)
    try:
        system = machine.ssh(
            ". /etc/os-release; echo $PRETTY_NAME, Linux $(uname -r), $(systemctl --version | head -1)"
        )
        say("booted: " + system.strip())
        yield machine
    finally:
        machine.stop()
        (folder / "disk").unlink()


@pytest.fixture
def notebook(vm: Vm) -> Notebook:
    """A client of its Jupyter."""
    return Notebook(f"http://127.0.0.1:{vm.ports[8888]}", TOKEN, timeout=120)


def settings(s3: Server, keys: Credentials, **changed: str) -> str:
    """The machine's settings.env."""
    values = {
        "BUCKET_NAME": BUCKET,
        "PROJECT_FOLDER": FOLDER,
        "AWS_ENDPOINT_URL_S3": s3.url.replace("127.0.0.1", HOST),
        "AWS_REGION": "us-east-1",
        "JUPYTER_TOKEN": TOKEN,
        **keys.environment,
        **changed,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def write(vm: Vm, text: str) -> None:
    """Write settings.env as an administrator would, closed to all others."""
    vm.ssh(f"mkdir -p /etc/melda-jupyter && umask 077 && printf %s '{text}' > /etc/melda-jupyter/settings.env")


def states(vm: Vm) -> dict[str, str]:
    """Each unit's state."""
    names = " ".join(f"melda-{name}" for name in UNITS)
    return dict(zip(UNITS, vm.ssh(f"systemctl is-active {names}", check=False).split(), strict=True))


def well(vm: Vm) -> bool:
    """Do all units run, and is the machine well by its own account?"""
    return set(states(vm).values()) == {"active"} and '"mount": "ok"' in vm.ssh("healthcheck", check=False)


def stored(s3: Server, name: str) -> bytes:
    """A file of the project, as the bucket has it."""
    content: bytes = s3.client().get_object(Bucket=BUCKET, Key=f"{FOLDER}/{name}")["Body"].read()
    return content


def deploy(vm: Vm, tmp_path: Path) -> tuple[int, list[str], str]:
    """``pyinfra inventory.py deploy.py``: exit code, what changed, output."""
    done = provision(
        "/usr/bin/docker",
        "inventory.py",
        environment={"MELDA_HOSTS": f"root@127.0.0.1:{vm.ports[22]}"},
        packages="none",
        ssh_key=vm.key,
        ssh_strict_host_key_checking="off",
        ssh_known_hosts_file=tmp_path / "known",
    )
    return done.code, done.changed, done.output


def test_provisioned_over_ssh(vm: Vm, s3: Server, keys: Credentials, tmp_path: Path, say: Say) -> None:
    write(vm, settings(s3, keys))
    code, changed, output = deploy(vm, tmp_path)
    assert code == 0, output
    say(f"provisioned over ssh: {len(changed)} operations changed something")
    assert well(vm), vm.ssh("systemctl --no-pager status 'melda-*'; journalctl --no-pager -u 'melda-*'", check=False)
    say(f"units: {states(vm)}")


def test_jupyter_answers_to_its_token_and_runs_cells_in_the_bucket(
    vm: Vm, s3: Server, notebook: Notebook, say: Say
) -> None:
    assert requests.get(notebook.url + "/api/contents", timeout=30).status_code == 403
    done = notebook.run(
        "python3", "import os; open('from_python.txt', 'w').write('äöü' * 1000); print(os.getcwd())", 300
    )
    assert (done.status, done.stdout) == ("ok", "/home/melda/project\n"), done
    done = notebook.run("ir", "writeLines('from R', 'from_r.txt'); cat(getwd())", 300)
    assert (done.status, done.stdout) == ("ok", "/home/melda/project"), done
    assert stored(s3, "from_python.txt") == ("äöü" * 1000).encode() and stored(s3, "from_r.txt") == b"from R\n"
    say("cells ran in python3 and ir, by the token; what they wrote is in the bucket")


def test_the_version_service_answers(vm: Vm, say: Say) -> None:
    url = f"http://127.0.0.1:{vm.ports[2310]}"
    health = requests.get(url + "/healthz", timeout=120)
    assert health.status_code == 200 and health.json()["mount"] == "ok", health.text
    versions = requests.get(url + "/versions", timeout=120)
    assert versions.status_code == 200 and "python" in versions.text.lower()
    say(f"GET /healthz: {health.text.strip()}")
    say(f"GET /versions: {versions.text.strip()[:70]}...")


def test_secrets_are_roots_alone(vm: Vm, notebook: Notebook, keys: Credentials, say: Say) -> None:
    done = notebook.run("python3", "import os; print(dict(os.environ)); print(open('/proc/self/status').read())", 300)
    assert "/home/melda" in done.stdout and "NoNewPrivs:\t1" in done.stdout
    for name in ("AWS_SECRET", "JUPYTER_TOKEN'", "NOTIFY_SOCKET", "INVOCATION_ID", keys.secret_access_key, TOKEN):
        assert name not in done.stdout, name
    assert keys.secret_access_key not in vm.ssh("systemctl show --all 'melda-*'; journalctl --no-pager; ps axww")
    seen = vm.ssh("su melda -c 'systemctl show --all melda-mount; cat /etc/melda-jupyter/settings.env'", check=False)
    assert keys.secret_access_key not in seen and "Permission denied" in seen
    say("the keys are in no kernel's environment, no journal, no systemctl show, and in a file that is root's")


def test_the_firewall_keeps_the_machines_own_rules(
    vm: Vm, s3: Server, keys: Credentials, notebook: Notebook, say: Say
) -> None:
    vm.ssh("iptables -A INPUT -p tcp --dport 9999 -j REJECT")
    write(vm, settings(s3, keys, PGEO_IPS=HOST, EGRESS="none"))
    vm.ssh("systemctl restart melda.target && systemctl restart melda-jupyter")
    until(lambda: well(vm), "everything is back", 300)
    rules = vm.ssh("iptables -S")
    assert "--dport 9999 -j REJECT" in rules and rules.count("-j MELDA-INPUT") == 1, rules
    assert f"-A MELDA-INPUT -s {HOST}/32 -j RETURN" in rules and "-P INPUT ACCEPT" in rules
    ask = f"timeout 5 bash -c '</dev/tcp/{HOST}/{s3.url.rpartition(':')[2]}' 2>&1 && echo in"
    assert "in" in vm.ssh(ask).split()
    assert "in" not in vm.ssh(f'su melda -c "{ask}"', check=False).split()
    assert notebook.run("python3", "print(open('from_r.txt').read())", 300).stdout == "from R\n\n"
    say(f"PGEO_IPS={HOST} EGRESS=none: the user's processes reach nothing, the mount and root do; own rules stay")
    write(vm, settings(s3, keys))
    vm.ssh("systemctl restart melda.target")
    until(lambda: well(vm), "everything is back", 300)


def test_a_mount_that_dies_takes_jupyter_with_it_and_both_come_back(vm: Vm, notebook: Notebook, say: Say) -> None:
    before = vm.ssh("systemctl show -P MainPID melda-jupyter").strip()
    vm.ssh("kill -KILL $(pidof s3fs)")
    until(lambda: well(vm), "mount and Jupyter are back", 300)
    after = vm.ssh("systemctl show -P MainPID melda-jupyter").strip()
    assert before != after
    log = vm.ssh("journalctl --no-pager -o cat -t melda-mount")
    assert "s3fs was killed by signal 9" in log, log
    assert notebook.run("python3", "print(open('from_r.txt').read())", 300).stdout == "from R\n\n"
    say("s3fs killed: Jupyter stopped with it; systemd started both again, the files are there")


def test_jupyter_that_dies_comes_back(vm: Vm, say: Say) -> None:
    before = vm.ssh("pgrep -f jupyter_notebook.py").split()
    vm.ssh("kill -KILL " + " ".join(before))
    until(lambda: well(vm) and not set(before) & set(vm.ssh("pgrep -f jupyter_notebook.py").split()), "it is back", 300)
    say("Jupyter killed: it is back")


def test_a_stop_unmounts_with_every_byte(vm: Vm, s3: Server, notebook: Notebook, say: Say) -> None:
    code = "f = open('big.bin', 'wb'); f.write(b'0123456789abcdef' * 2**20); f.flush(); print('written')"
    with notebook.start("python3") as kernel:
        assert kernel.run(code, 300).stdout == "written\n"  # and not closed
        vm.ssh("systemctl stop melda.target")
        kernel.close()
    until(lambda: set(states(vm).values()) <= {"inactive"}, "all have stopped", 300)
    assert "s3fs" not in vm.ssh("cat /proc/mounts; ps axww -o comm") and "project" not in vm.ssh("cat /proc/mounts")
    assert stored(s3, "big.bin") == b"0123456789abcdef" * 2**20
    say("systemctl stop melda.target: nothing is mounted, 16 MB that a kernel held open are in the bucket")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"PROJECT_FOLDER": "users/../root"}, "invalid PROJECT_FOLDER='users/../root'"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "invalid AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_bad_setting_is_one_line_and_no_loop(
    vm: Vm, s3: Server, keys: Credentials, changed: dict[str, str], said: str, say: Say
) -> None:
    write(vm, settings(s3, keys, **changed))
    cursor = vm.ssh("journalctl --no-pager -n 0 --show-cursor").partition("cursor: ")[2].strip()
    assert vm.ssh("systemctl start melda-jupyter 2>&1 && echo started", check=False).count("started") == 0
    # Without -t, which with --after-cursor leaves out the first line that it finds.
    said_since = vm.ssh(f"journalctl --sync; journalctl --no-pager -o json --after-cursor='{cursor}'").splitlines()
    entries = [json.loads(entry) for entry in said_since]
    lines = [one["MESSAGE"] for one in entries if one.get("SYSLOG_IDENTIFIER") in ("melda-firewall", "melda-mount")]
    (line,) = [line for line in lines if "may connect" not in line]
    assert line.startswith(said), lines
    # What waits to be started again is "activating".
    assert "failed" in states(vm).values() and "activating" not in states(vm).values(), states(vm)
    say(f"{line}: failed, and not tried again")


def test_a_reboot_brings_everything_back(vm: Vm, s3: Server, keys: Credentials, notebook: Notebook, say: Say) -> None:
    write(vm, settings(s3, keys))
    vm.ssh("systemctl start melda.target melda-jupyter")
    done = notebook.run("python3", "open('before.txt', 'w').write('before the reboot')", 300)
    assert done.status == "ok"
    before = vm.boot_id()
    vm.ssh("systemctl reboot", check=False)
    vm.up(since=before)
    until(lambda: well(vm), "everything is back", 300)
    took = vm.ssh("systemd-analyze | head -1").strip()
    done = notebook.run("python3", "print(open('before.txt').read())", 300)
    assert (done.status, done.stdout) == ("ok", "before the reboot\n"), done
    assert notebook.run("ir", "cat(readLines('from_r.txt'))", 300).stdout == "from R"
    say(f"rebooted: all units active, the files are there; {took}")


def test_provisioned_again_nothing_changes(vm: Vm, tmp_path: Path, say: Say) -> None:
    kernels = vm.ssh("systemctl show -P MainPID melda-jupyter")
    code, changed, output = deploy(vm, tmp_path)
    assert (code, changed) == (0, []), output
    assert vm.ssh("systemctl show -P MainPID melda-jupyter") == kernels
    say("provisioned again: 0 changes, Jupyter ran on")
