"""Secrets that are given as files; and the token, which is in no line of the log."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests.fakes.s3 import Server

from .pages import EVIL, ask, own, socket
from .services import MOUNT, Service, bucket_variables, running

Serve = Callable[..., Service]
TOKEN = "the-token-in-a-file"
LOOK = """
import glob
def read(path):
    try: return open(path, errors='replace').read()
    except OSError: return ''
for path in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/cmdline'): print(read(path))
"""


def mounted(file: Path, name: str) -> tuple[str, ...]:
    """A secret of Docker's: a file, read-only, root's alone."""
    file.chmod(0o400)
    return ("--mount", f"type=bind,source={file},target=/run/secrets/{name},readonly")


def test_a_token_and_credentials_in_files(serve: Serve, s3: Server, tmp_path: Path, docker: str) -> None:
    keys = s3.credentials("melda-test-role", s3.bucket("melda-projects"), temporary=True)
    variables = bucket_variables(s3, "melda-projects", keys)
    lines = [f"{name.lower()} = {variables.pop(name)}" for name in list(variables) if name in keys.environment]
    assert len(lines) == 3
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "aws").write_text("\n".join(["[other]", "[projects]", *lines, ""]))
    named = {
        "JUPYTER_TOKEN_FILE": "/run/secrets/token",
        "AWS_SHARED_CREDENTIALS_FILE": "/run/secrets/aws",
        "AWS_PROFILE": "projects",
    }
    options = (*mounted(tmp_path / "token", "token"), *mounted(tmp_path / "aws", "aws"), *MOUNT)
    service = serve(*options, JUPYTER_TOKEN="", **variables, **named).ready()
    assert ask(service, "GET", "/api/contents").status_code == 403
    service.token = TOKEN
    assert service.notebook.run("python3", "open('made', 'w').write('1')").status == "ok"
    # Whatever Docker starts as the user knows where the files are, and cannot read them.
    shown = subprocess.run(
        [docker, "exec", "--user", "melda", service.name, "sh", "-c", "env; cat /run/secrets/* 2>&1"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    assert "JUPYTER_TOKEN_FILE=" in shown and shown.count("Permission denied") == 2
    looked = service.notebook.run("python3", LOOK).stdout
    assert "MELDA_TOKEN_FILE=" in looked and "/run/secrets" not in looked
    secrets = [TOKEN, keys.secret_access_key, keys.access_key_id, keys.session_token]
    everything = shown + looked + service.logs() + service.inspect("{{json .Config}}")
    assert [secret for secret in secrets if secret in everything] == []
    service.stop()
    assert s3.client().get_object(Bucket="melda-projects", Key="users/ada/made")["Body"].read() == b"1"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"JUPYTER_TOKEN_FILE": "/home/melda/.profile"},
            "invalid JUPYTER_TOKEN_FILE='/home/melda/.profile': expected a file in a folder",
        ),
        (
            {"AWS_SHARED_CREDENTIALS_FILE": "/etc/shadow"},
            "invalid AWS_SHARED_CREDENTIALS_FILE='/etc/shadow': expected AWS's format",
        ),
    ],
)
def test_what_is_no_secret_ends_the_start_with_one_line(serve: Serve, variables: dict[str, str], says: str) -> None:
    """What else is none: tests/unit/melda/config/test_secret_files.py."""
    service = serve(**{"JUPYTER_TOKEN": "", **variables})
    code, lines = service.ended()
    assert (code, len(lines)) == (1, 1), lines
    assert lines[0].startswith(says)
    assert "CANARY" not in service.logs() and "root:" not in service.logs()


@pytest.fixture(scope="module")
def service(docker: str, image: str) -> Iterator[Service]:
    """A container that has a token, and a key of AWS's."""
    with running(docker, image, AWS_SECRET_ACCESS_KEY="CANARY") as found:
        yield found


def test_a_shell_of_the_users_begins_with_no_secret(service: Service) -> None:
    """As docs/how-to/fork-an-environment.md does it."""
    assert service.token in service.run("env", "melda"), "the trap"
    output = service.run("runuser -l melda -c 'env; id -un; command -v pip'")
    assert service.token not in output and "CANARY" not in output
    assert "\nmelda\n/opt/jupyter/bin/pip" in output and "VIRTUAL_ENV=/home/melda/project/Python-" in output


def test_the_token_is_in_no_line_of_the_log(service: Service) -> None:
    token = service.token
    everywhere = "".join(f"%{ord(char):02x}" for char in token)
    asked = [
        f"/api/contents/nope?token={token}",
        f"/api/contents/nope?Token={token}",
        f"/api/contents/nope?%74oken={token}",
        f"/login?next=%2Fnope%3Ftoken%3D{token}",
        f"/files/nope?token={token}",
        f"/static/nope?a=1&token={token}",
        f"/nope/token={token}",
        f"/tree?token={everywhere}",
        f"/nope?token={quote(quote(everywhere))}",
        f"/api/kernels/x/channels?token={token}",
        f"/nope?x={token}#y",
    ]
    for path in asked:
        for method in ("GET", "POST", "FOO"):
            ask(service, method, path)
            ask(service, method, "/nope", Referer=f"{EVIL}{path}", Authorization=f"token {token}")
            ask(service, method, "/nope", Origin=f"{EVIL}{path}", Cookie=f"a={token}")
    # What cannot be read, and what ends in an exception: their lines are tornado's own.
    ask(service, "POST", f"/api/contents?token={token}", **{"Content-Type": "application/json"})
    requests.post(own(service) + f"/api/contents?token={token}", data="{", timeout=30)
    requests.put(own(service) + f"/api/contents/a?token={token}", data='{"type": 7, "content": []}', timeout=30)
    socket(service, f"/api/kernels/{token}/channels?token={token}", origin=EVIL)
    marker = "/the-last-one"
    ask(service, "GET", marker)
    service.says(marker)
    logged = service.logs()
    assert token not in logged
    assert everywhere not in logged
    assert "token=[secret]" in logged


def test_what_notes_the_token_is_the_users_alone(service: Service) -> None:
    found = service.run(f"grep -rl {service.token} /home/melda | xargs -r stat -c '%a %U %n'").splitlines()
    assert [line for line in found if not line.startswith("600 melda ")] == []
