"""start-jupyter --check in containers that would work, and in some that would not; and the policy that allows one project."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.fakes.s3 import Server

from .forks import PROJECT
from .services import BUCKET, MOUNT, bucket_variables, variables

POLICY = (Path(__file__).resolve().parents[2] / "deployments" / "iam-policy.json").read_text()


def checked(docker: str, image: str, *options: str, **values: str) -> tuple[int, dict[str, str], str]:
    """Exit code, state of each row, and all that was printed."""
    command = [docker, "run", "--rm", *options, *variables(**values), image, "start-jupyter", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == "", done.stderr[-2000:]
    rows = re.findall(r"^(\S.*?)  +(ok|warning|FAILED)  ", done.stdout, re.MULTILINE)
    return done.returncode, dict(rows), done.stdout


def test_what_would_work_and_what_would_not(docker: str, image: str, s3: Server) -> None:
    s3.bucket(BUCKET)
    keys = s3.allowed("project", POLICY.replace("BUCKET", BUCKET).replace("FOLDER", "users/ada"))
    project = bucket_variables(s3, BUCKET, keys)
    everything = (*MOUNT, "--cap-add", "NET_ADMIN", "--memory", "2g", "--shm-size", "512m")
    code, rows, said = checked(docker, image, *everything, **project)
    assert code == 0, said
    assert {rows[name] for name in ("project", "hooks", "disk")} == {"ok"}, said
    needed = ("CAP_SYS_ADMIN", "/dev/fuse", "AppArmor", "CAP_NET_ADMIN", "clock", "S3: list", "S3: put", "S3: delete")
    assert {name: rows[name] for name in (*needed, "memory", "/dev/shm", "token")} == dict.fromkeys(
        (*needed, "memory", "/dev/shm", "token"), "ok"
    ), said
    # moto looks at no condition, so the list is one of all; nothing can be written or removed elsewhere.
    assert "put" not in said.partition("beyond")[2] and keys.secret_access_key not in said
    assert s3.client().list_objects_v2(Bucket=BUCKET).get("Contents") is None, "it leaves nothing"

    code, rows, said = checked(docker, image, **project)
    assert (code, rows["CAP_SYS_ADMIN"], rows["/dev/fuse"], rows["/dev/shm"]) == (1, "FAILED", "FAILED", "warning"), (
        said
    )
    assert "--cap-add SYS_ADMIN --device /dev/fuse" in said

    code, rows, said = checked(
        docker, image, *MOUNT, "--read-only", "--tmpfs", "/tmp", "--volume", f"/etc/ssl:{PROJECT}:ro", **project,
        FORK_OF="users/nobody",
    )  # fmt: skip
    assert (code, *(rows[name] for name in ("project", "fork", "disk"))) == (1, *["FAILED"] * 3), said

    other = s3.credentials("other", "another-bucket")
    code, rows, said = checked(docker, image, *MOUNT, **{**project, **other.environment})
    assert (code, rows["S3: list"]) == (1, "FAILED") and "may not ListBucket" in said, said
    code, rows, said = checked(docker, image, *MOUNT, **{**project, "EGRESS": "nowhere"})
    assert (code, rows) == (1, {"settings": "FAILED"}), said


def test_a_refusal_is_an_object_for_programs(docker: str, image: str) -> None:
    command = [docker, "run", "--rm", *variables(LOG_FORMAT="json", EGRESS="nowhere"), image, "start-jupyter"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    (line,) = done.stderr.splitlines()
    assert (
        done.returncode == 1
        and json.loads(line)["level"] == "error"
        and "invalid EGRESS=" in json.loads(line)["message"]
    )
