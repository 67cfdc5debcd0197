"""A container with a bucket under the seccomp profile of deployments/: it does all its work, and less would not do.

The kernel of a test machine need not have AppArmor: that profile is only compiled here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.fakes.s3 import Server, serve_all

from .machines import until
from .services import BUCKET, MOUNT, Service, bucket_variables

Serve = Callable[..., Service]
DEPLOYMENTS = Path(__file__).resolve().parents[2] / "deployments"
SECCOMP, APPARMOR = DEPLOYMENTS / "seccomp.json", DEPLOYMENTS / "apparmor.profile"
DATA = "melda-data"
# What root with CAP_SYS_ADMIN may do under Docker's own profile; each is a way to more of the kernel.
REFUSED = ("unshare --user true", "unshare --net true", "unshare --pid --fork true", "nsenter --target 1 --net true")


def profile(path: Path) -> tuple[str, str]:
    return "--security-opt", f"seccomp={path}"


def test_all_of_a_project_and_its_data(serve: Serve, s3: Server) -> None:
    s3.bucket(BUCKET)
    s3.bucket(DATA)
    s3.client().put_object(Bucket=DATA, Key="sets/numbers.csv", Body=b"1,2,3\n")
    keys = s3.credentials("reader", "melda-*")
    asked = bucket_variables(s3, BUCKET, keys) | {"DATA_BUCKET": DATA, "DATA_FOLDER": "sets", "EGRESS": "web"}
    alone = {name: value for name, value in asked.items() if name not in ("BUCKET_NAME", "PROJECT_FOLDER")}
    hanging = serve(*MOUNT, "--cap-add", "NET_ADMIN", **alone, S3FS_PATIENCE="3").ready()
    # With its s3fs hangs what looks through a link in the project that leads there.
    hanging.run("ln -s /data /home/melda/project/link", user="melda")
    hanging.run("pkill -STOP -f '[s]3fs melda-data'")
    waiting = ThreadPoolExecutor(1)
    listing = waiting.submit(
        requests.get, hanging.notebook.url + "/api/contents", headers=hanging.notebook.headers, timeout=60
    )
    service = serve(*MOUNT, "--cap-add", "NET_ADMIN", *profile(SECCOMP), **asked).ready()

    read = "print(open('/home/melda/data/numbers.csv').read())"  # which leads to /data
    assert service.notebook.run("python3", read).stdout == "1,2,3\n\n"
    assert service.notebook.run("ir", "cat(readLines('/data/numbers.csv'))").stdout == "1,2,3"
    for user in ("melda", "root"):
        said = service.run("touch /data/new 2>&1 || true; echo >> /data/numbers.csv 2>&1 || true", user=user)
        assert said.count("Read-only file system") == 2, said
    service.run("python3 -m venv --without-pip /tmp/env && echo kept > /home/melda/project/file", user="melda")
    assert keys.secret_access_key not in service.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '") + service.logs()
    for command in REFUSED:
        assert "Operation not permitted" in service.run(f"{command} 2>&1 || true"), command

    # A file there that says it is root's and setuid is neither a way to root nor is the mount the user's to take away.
    mounted = service.run("grep ' /data ' /proc/self/mountinfo").split()[5].split(",")
    assert {"ro", "nosuid", "nodev"} <= set(mounted)
    service.run("umount /data 2>&1; fusermount -u /data 2>&1; mount -o remount,rw /data 2>&1 || true", user="melda")
    assert service.run("cat /data/numbers.csv") == "1,2,3\n"
    # What S3 answers to a refused request, which may hold a session token, is not in the log.
    s3.judge = lambda _, path: "400 CANARY" if DATA in path else ""
    service.run("ls /data /data/other 2>&1 || true", user="melda")
    service.says("s3fs of the data: ")
    s3.judge = serve_all
    # The start's own question, once a minute, may meet it too: its line has S3's code alone.
    assert not [line for line in service.logs().splitlines() if "CANARY" in line and "the s3fs of /data" not in line]

    # Its s3fs may die: it comes again, and nothing else takes notice.
    service.run("pkill -KILL -f '[s]3fs melda-data'")
    until(lambda: service.run("cat /data/numbers.csv 2>/dev/null || true") == "1,2,3\n", "the data are there again")
    assert service.health()["mount"] == "ok" and service.running
    # The one that hung was killed, and came again; what waited for it got an answer.
    hanging.says("the s3fs of /data has not answered for 3 s; it is started again")
    assert listing.result(timeout=60).status_code == 200
    until(lambda: hanging.health()["data"] == "ok", "it answers")
    assert hanging.run("cat /data/numbers.csv") == "1,2,3\n"
    waiting.shutdown()
    service.stop()
    assert service.inspect("{{.State.ExitCode}}") == "0", service.logs()
    assert s3.client().get_object(Bucket=BUCKET, Key="users/ada/file")["Body"].read() == b"kept\n"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"DATA_BUCKET": "melda-nowhere"}, "invalid DATA_BUCKET='melda-nowhere': there is no such bucket"),
        ({"DATA_FOLDER": "none"}, "invalid DATA_FOLDER='none': expected a folder with something in it"),
    ],
)
def test_data_that_are_not_there_end_the_start(serve: Serve, s3: Server, changed: dict[str, str], said: str) -> None:
    values = bucket_variables(s3, s3.bucket(DATA), s3.credentials("reader", "melda-*"))
    for name in ("BUCKET_NAME", "PROJECT_FOLDER"):
        del values[name]
    code, lines = serve(*MOUNT, **values | {"DATA_BUCKET": DATA} | changed).ended()
    assert (code, lines[-1][: len(said)]) == (1, said), lines


def test_less_does_not_do(serve: Serve, s3: Server, tmp_path: Path) -> None:
    less = json.loads(SECCOMP.read_text())
    for rule in less["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name != "mount"]
    less["syscalls"] = [rule for rule in less["syscalls"] if rule["names"]]
    (tmp_path / "less.json").write_text(json.dumps(less))
    values = bucket_variables(s3, s3.bucket(BUCKET), s3.credentials("reader", BUCKET))
    code, lines = serve(*MOUNT, *profile(tmp_path / "less.json"), **values).ended()
    assert code != 0 and "BUCKET_NAME='melda-projects'" in lines[-1], lines


def test_the_apparmor_profile_compiles() -> None:
    parser = shutil.which("apparmor_parser", path="/usr/sbin:/sbin:/usr/bin:/bin")
    assert parser, "tests/host-packages.txt names it"
    done = subprocess.run(
        [parser, "--skip-kernel-load", "--skip-cache", "--debug", str(APPARMOR)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
