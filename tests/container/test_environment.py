"""What processes of the user see: what they need, and none of the secrets the container was given."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket

from tests.fakes.s3 import Server
from tests.fakes.serve import gateway

from .machines import until
from .services import MOUNT, Service, bucket_variables
from .test_ssh import login

EXPECTED = {
    "HOME": "/home/melda",
    "USER": "melda",
    "LANG": "en_US.UTF-8",
    "JUPYTER_WORKDIR": "/home/melda/project",
    "username": "melda",
    "SRC": "/usr/src/melda-jupyter",
    # Of hosts with more than one processor, as all are that these tests run on.
    "OMP_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
SECRET_NAMES = re.compile(r"^(AWS|ECS_|JUPYTER_TOKEN|SSH_AUTHORIZED_KEYS)")


@pytest.fixture(scope="module")
def secrets() -> list[str]:
    """Values that must not be found where the user looks; the container's token comes on top."""
    return []


@pytest.fixture(scope="module")
def service(docker: str, image: str, public_key: str, secrets: list[str]) -> Iterator[Service]:
    """A container with a project in S3, an ssh key and a token, that may use one processor."""
    with Server(gateway(docker=docker)) as s3:
        bucket = s3.bucket("melda-projects")
        keys = s3.credentials("melda-test-role", bucket, temporary=True)
        options = (*MOUNT, "--cpus", "1")
        running = Service(docker, image, options, SSH_AUTHORIZED_KEYS=public_key, **bucket_variables(s3, bucket, keys))
        secrets += [keys.access_key_id, keys.secret_access_key, keys.session_token, running.token]
        try:
            yield running.ready()
        finally:
            running.remove()


def in_terminal(service: Service, command: str, seconds: float = 30) -> str:
    """Output of a command typed into a terminal of Jupyter, over its WebSocket."""
    name = service.notebook.request("POST", "/api/terminals").json()["name"]
    end = uuid.uuid4().hex
    url = service.notebook.url.replace("http", "ws", 1) + f"/terminals/websocket/{name}"
    socket = websocket.create_connection(url, timeout=seconds, header=service.notebook.headers)
    # The shell echoes what is typed, so the end is typed in two parts.
    socket.send(json.dumps(["stdin", f"{command}; echo {end[:16]}''{end[16:]}\r"]))
    output = ""
    deadline = time.monotonic() + seconds
    while end not in output:
        assert time.monotonic() < deadline, output
        kind, *content = json.loads(socket.recv())
        output += content[0] if kind == "stdout" else ""
    socket.close()
    service.notebook.request("DELETE", f"/api/terminals/{name}")
    return output


def variables(lines: str) -> dict[str, str]:
    return dict(line.strip().split("=", 1) for line in lines.splitlines() if re.match(r"\w+=", line.strip()))


def check(found: dict[str, str], secrets: list[str], expected: dict[str, str]) -> None:
    assert {name: found.get(name) for name in expected} == expected
    assert [name for name in found if SECRET_NAMES.match(name)] == []
    assert [name for name, value in found.items() if any(secret in value for secret in secrets)] == []
    folders = found["PATH"].split(":")
    assert {"/usr/src/melda-jupyter", "/opt/jupyter/bin", "/usr/bin"} <= set(folders), folders


def test_a_python_notebook(service: Service, secrets: list[str]) -> None:
    done = service.notebook.run("python3", "import json, os; print(json.dumps(dict(os.environ)))")
    check(json.loads(done.stdout), secrets, EXPECTED)


def test_an_r_notebook(service: Service, secrets: list[str]) -> None:
    with service.notebook.start("ir") as kernel:
        done = kernel.run('e <- Sys.getenv(); cat(sprintf("%s=%s\\n", names(e), e), sep = "")')
        check(variables(done.stdout), secrets, EXPECTED)
        assert kernel.run("cat(Sys.getlocale('LC_CTYPE'), getwd())").stdout == "en_US.UTF-8 /home/melda/project"
        assert "/openblas-pthread/" in kernel.run("cat(extSoftVersion()[['BLAS']])").stdout


def test_a_terminal(service: Service, secrets: list[str]) -> None:
    output = in_terminal(service, "env; pwd")
    check(variables(output), secrets, EXPECTED)
    assert "\n/home/melda/project\r" in output


def test_an_ssh_session_of_root_for_debugging(service: Service, secrets: list[str], key: Path) -> None:
    done = login(service, key, "root", "env")
    check(variables(done.stdout), secrets, EXPECTED | {"HOME": "/root", "USER": "root"})


@pytest.mark.parametrize("user", ["root", "melda"])
def test_a_login_shell_of_docker_exec(service: Service, user: str) -> None:
    found = variables(service.run("bash -lc env", user=user))
    assert {name: found.get(name) for name in EXPECTED if name not in {"HOME", "USER"}}.items() <= EXPECTED.items()


def test_every_process_the_user_can_look_into(service: Service, secrets: list[str]) -> None:
    """Jupyter, the version service, other kernels; and everybody's command lines.

    Looked at from a notebook: `docker exec` would give its own process all the variables of the container.
    """
    look = (
        "import glob\n"
        "def read(path):\n"
        "    try: return open(path, errors='replace').read()\n"
        "    except OSError: return ''\n"
        "for path in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/cmdline'): print(read(path))\n"
    )
    with service.notebook.start("ir"):
        found = service.notebook.run("python3", look).stdout
    assert found.count("MELDA_TOKEN_FILE=") >= 2, "the user's processes are among them"
    assert "s3fs" in found and "IRkernel" in found
    assert [secret for secret in secrets if secret in found] == []


def test_kernels_are_reached_through_no_port_and_leave_no_socket(service: Service) -> None:
    runtime = "/home/melda/.local/share/jupyter/runtime"
    with service.notebook.start("ir") as r, service.notebook.start("python3") as python:
        assert (r.run("1 + 1").results, python.run("1 + 1").results) == (["[1] 2"], ["2"])
        listening = {line.split()[3].rpartition(":")[2] for line in service.run("ss -Hltn").splitlines()}
        # One more is ipykernel's: what its forked children print. It takes what names its number, and answers nothing.
        assert listening >= {"22", "2310", "8888"} and len(listening) <= 4
        sockets = service.run(f"find {runtime} -type s").split()
        assert {Path(path).name.split("-ipc-")[0] for path in sockets} == {f"kernel-{r.id}", f"kernel-{python.id}"}
        # Sticky: nobody clears it away (jupyter_core).
        assert service.run(f"stat -c '%U %a' {runtime}") == "melda 1700\n"
    until(lambda: service.run(f"find {runtime} -type s") == "", "the sockets are removed with the kernels")


def test_the_token_is_the_users_alone(service: Service) -> None:
    assert service.run("stat -c '%U %a' /run/melda-jupyter/token").strip() == "melda 400"
    assert service.run("ls -A /root/.passwd-s3fs 2>/dev/null || true") == ""


def test_nothing_of_it_is_in_the_log(service: Service, secrets: list[str]) -> None:
    logged = service.logs()
    assert [secret for secret in secrets if secret in logged] == []
