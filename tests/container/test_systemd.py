"""A machine's units under a real systemd, which runs in a container here; tests/vm shows them on a machine of its own."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from tests.fakes.s3 import Server
from tests.fakes.serve import gateway

from .machines import Machine, Provisioning, provision, until
from .notebook import Notebook
from .services import BUCKET, bucket_variables

TOKEN = secrets.token_hex(16)
UNITS = ("firewall", "mount", "plugins", "versions", "jupyter")
SYSTEMD = (
    *("--workdir", "/", "--entrypoint", "/lib/systemd/systemd", "--env", "container=docker"),
    *("--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--device", "/dev/fuse"),
    *("--security-opt", "apparmor=unconfined", "--security-opt", "seccomp=unconfined", "--cgroupns", "private"),
    # systemd mounts its own control groups, below the container's.
    *(part for path in ("/run", "/run/lock", "/sys/fs/cgroup") for part in ("--tmpfs", path)),
)


@pytest.fixture(scope="module")
def s3(module_s3: Server) -> Server:
    return module_s3


@pytest.fixture(scope="module")
def project(s3: Server) -> dict[str, str]:
    """The settings of the machine."""
    return bucket_variables(s3, BUCKET, s3.credentials("melda-test-user", BUCKET)) | {"JUPYTER_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def first(docker: str, server: Machine, project: dict[str, str]) -> Provisioning:
    write(server, project)
    return provision(docker, f"@docker/{server.name}", packages="core")


@pytest.fixture(scope="module")
def server(docker: str, image: str) -> Iterator[Machine]:
    """A machine on which systemd runs."""
    machine = Machine(docker, image, SYSTEMD)
    try:
        until(
            lambda: machine.run("systemctl is-system-running", check=False).strip() in ("running", "degraded"), "boot"
        )
        yield machine
    finally:
        machine.remove()


def write(server: Machine, values: dict[str, str]) -> None:
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    server.run(f"mkdir -p /etc/melda-jupyter && umask 077 && printf %s '{text}' > /etc/melda-jupyter/settings.env")


def states(server: Machine) -> dict[str, str]:
    output = server.run("systemctl is-active " + " ".join(f"melda-{name}" for name in UNITS), check=False)
    return dict(zip(UNITS, output.split(), strict=True))


def well(server: Machine) -> bool:
    return set(states(server).values()) == {"active"} and '"mount": "ok"' in server.run("healthcheck", check=False)


def notebook(server: Machine) -> Notebook:
    return Notebook(f"http://{server.address}:8888", TOKEN)


def stored(s3: Server, name: str) -> bytes:
    content: bytes = s3.client().get_object(Bucket=BUCKET, Key=f"users/ada/{name}")["Body"].read()
    return content


def test_the_deploy_starts_everything_and_changes_nothing_when_run_again(
    docker: str, server: Machine, first: Provisioning
) -> None:
    assert first.code == 0, first.output
    assert well(server), server.run("journalctl --no-pager -u 'melda-*'")
    again = provision(docker, f"@docker/{server.name}", packages="core")
    assert (again.code, again.changed) == (0, []), again.output


@pytest.mark.parametrize(
    ("kernel", "code"), [("python3", "open('py.txt', 'w').write('ä' * 999)"), ("ir", "writeLines('R', 'r.txt')")]
)
def test_a_cell_writes_into_the_bucket(
    server: Machine, first: Provisioning, s3: Server, kernel: str, code: str
) -> None:
    done = notebook(server).run(kernel, code)
    assert done.status == "ok", done
    assert stored(s3, "py.txt" if kernel == "python3" else "r.txt") in (("ä" * 999).encode(), b"R\n")


def test_secrets_are_roots_alone(server: Machine, first: Provisioning, project: dict[str, str]) -> None:
    done = notebook(server).run("python3", "import os; print(dict(os.environ), open('/proc/self/status').read())")
    assert "NoNewPrivs:\\t1" in repr(done.stdout)
    secret = project["AWS_SECRET_ACCESS_KEY"]
    for word in ("AWS_", "JUPYTER_TOKEN'", "NOTIFY_SOCKET", "INVOCATION_ID", secret, TOKEN):
        assert word not in done.stdout, word
    assert secret not in server.run("systemctl show --all 'melda-*'; journalctl --no-pager; ps axww; ls /root -A")
    assert "Permission denied" in server.run("cat /etc/melda-jupyter/settings.env", user="melda", check=False)


def test_a_mount_that_dies_stops_jupyter_and_both_come_back(server: Machine, first: Provisioning) -> None:
    before = server.run("systemctl show -P MainPID melda-jupyter")
    server.run("kill -KILL $(pidof s3fs)")
    until(lambda: states(server)["jupyter"] != "active", "Jupyter stops too")
    until(lambda: well(server), "both are back", 120)
    assert server.run("systemctl show -P MainPID melda-jupyter") != before


def test_jupyter_that_dies_or_quits_comes_back(server: Machine, first: Provisioning) -> None:
    old = server.run("pgrep -f jupyter_notebook.py").split()
    notebook(server).request("POST", "/api/shutdown")
    until(lambda: well(server) and not set(old) & set(server.run("pgrep -f jupyter_notebook.py").split()), "it is back")


def test_the_machines_own_firewall_rules_stay(
    server: Machine, first: Provisioning, docker: str, project: dict[str, str]
) -> None:
    server.run("iptables -A INPUT -p tcp --dport 9999 -j REJECT")
    write(server, project | {"PGEO_IPS": gateway(docker=docker), "EGRESS": "none"})
    server.run("systemctl restart melda.target")
    until(lambda: well(server), "everything is back", 120)
    rules = server.run("iptables -S")
    assert "--dport 9999 -j REJECT" in rules and "-P INPUT ACCEPT" in rules, rules
    assert rules.count("-j MELDA-INPUT") == rules.count("-j MELDA-OUTPUT") == 1, rules
    port = project["AWS_ENDPOINT_URL_S3"].rpartition(":")[2]
    ask = f"timeout 3 bash -c '</dev/tcp/{gateway(docker=docker)}/{port}' 2>/dev/null && echo in || true"
    assert [server.run(ask, user=user).strip() for user in ("root", "melda")] == ["in", ""]
    server.run("iptables -F && systemctl reload melda-firewall")
    assert "-j MELDA-OUTPUT" in server.run("iptables -S")
    write(server, project)
    server.run("systemctl restart melda.target")
    until(lambda: well(server), "everything is back", 120)


def test_a_stop_unmounts_with_every_byte(server: Machine, first: Provisioning, s3: Server) -> None:
    with notebook(server).start("python3") as kernel:
        code = "f = open('big.bin', 'wb'); f.write(b'0123456789abcdef' * 2**20); f.flush(); print('written')"
        assert kernel.run(code).stdout == "written\n"  # and not closed
        server.run("systemctl stop melda.target")
        kernel.close()
    until(lambda: set(states(server).values()) == {"inactive"}, "all have stopped")
    assert "project" not in server.run("cat /proc/mounts") and not server.run("pidof s3fs", check=False).strip()
    assert stored(s3, "big.bin") == b"0123456789abcdef" * 2**20


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"PROJECT_FOLDER": "users/../root"}, "invalid PROJECT_FOLDER='users/../root'"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "invalid AWS_SECRET_ACCESS_KEY"),
        ({"SSH_AUTHORIZED_KEYS": "ssh-ed25519 " + "A" * 68}, "invalid SSH_AUTHORIZED_KEYS"),
    ],
)
def test_a_bad_setting_is_one_line_and_no_loop(
    server: Machine, first: Provisioning, project: dict[str, str], changed: dict[str, str], said: str
) -> None:
    write(server, project | changed)
    server.run("systemctl stop melda.target; journalctl --rotate -q; journalctl --vacuum-time=1s -q", check=False)
    assert "done" not in server.run("systemctl start melda-jupyter && echo done", check=False)
    entries = server.run("journalctl --no-pager -o json -t melda-firewall -t melda-mount").splitlines()
    lines = [line for line in (json.loads(entry)["MESSAGE"] for entry in entries) if "may connect" not in line]
    assert lines[-1].startswith(said), lines
    assert "failed" in states(server).values() and "activating" not in states(server).values(), states(server)
    assert server.run("systemctl show -P NRestarts melda-mount").strip() == "0"
    write(server, project)


def test_start_jupyter_refuses_beside_systemd(server: Machine, first: Provisioning, project: dict[str, str]) -> None:
    options = [part for name, value in project.items() for part in ("--env", f"{name}={value}")]
    done = subprocess.run(
        [server.docker, "exec", *options, server.name, "start-jupyter"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "systemctl start melda.target" in done.stderr
