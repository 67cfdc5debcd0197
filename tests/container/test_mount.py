"""The project in S3: mounted and whole, or the container ends with one clear line before Jupyter starts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest

from tests.fakes.s3 import Server

from .machines import until
from .services import MOUNT, Service, bucket_variables

Serve = Callable[..., Service]
BUCKET = "melda-projects"


@pytest.fixture
def project(s3: Server) -> dict[str, str]:
    """Variables of a container whose project is in a bucket."""
    return bucket_variables(s3, s3.bucket(BUCKET), s3.credentials("melda-test-user", BUCKET))


def objects(s3: Server, prefix: str = "users/ada/") -> dict[str, int]:
    """Key -> size of what is in the project, as the service knows it."""
    pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return {item["Key"].removeprefix(prefix): item["Size"] for page in pages for item in page.get("Contents", [])}


def test_a_folder_is_made_and_keeps_what_is_written(serve: Serve, s3: Server) -> None:
    """With keys of a role, and any name."""
    folder = "new folder/Größe 数据/it's"
    keys = s3.credentials("melda-test-role", s3.bucket(BUCKET), temporary=True)
    assert keys.session_token
    service = serve(*MOUNT, **bucket_variables(s3, BUCKET, keys, folder)).ready()
    assert service.health()["mount"] == "ok"
    assert service.run("stat -c '%U %a' /home/melda/project").strip() == "melda 770"
    done = service.notebook.run("python3", "open('data.csv', 'w').write('x' * 1000); import os; print(os.getcwd())")
    assert (done.status, done.stdout) == ("ok", "/home/melda/project\n"), done
    assert service.run("ls -A /root | grep -c passwd-s3fs || true").strip() == "0"
    assert service.seconds_to_stop() < 8
    assert service.inspect("{{.State.ExitCode}}") == "0", service.logs()
    assert "AWS4-HMAC" not in service.logs(), "nobody asked for it"
    assert objects(s3, folder + "/")["data.csv"] == 1000


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAWRONG00000000000"}, "invalid AWS_ACCESS_KEY_ID: S3 does not know it"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "invalid AWS_SECRET_ACCESS_KEY"),
        ({"BUCKET_NAME": "melda-nowhere"}, "invalid BUCKET_NAME='melda-nowhere'"),
        ({"PROJECT_FOLDER": "users/a\nb"}, r"invalid PROJECT_FOLDER='users/a\nb'"),
    ],
)
def test_what_is_not_right_is_said_before_jupyter_starts(
    serve: Serve, s3: Server, project: dict[str, str], changed: dict[str, str], said: str
) -> None:
    code, lines = serve(*MOUNT, **project | changed).ended()
    assert (code, lines[-1][: len(said)]) == (1, said), lines
    assert not any(line.startswith("jupyter") for line in lines)
    assert objects(s3, "") == {}, "nothing was written"


def test_an_endpoint_that_is_down(serve: Serve, s3: Server, project: dict[str, str]) -> None:
    s3.refuse()
    code, lines = serve(*MOUNT, **project).ended()
    assert code == 1
    assert lines[-1].startswith(f"invalid AWS_ENDPOINT_URL_S3='{s3.url}', or S3 is down"), lines
    s3.answer()


# test_ecs.py: nor with one of them.
def test_a_container_that_may_not_mount(serve: Serve, project: dict[str, str]) -> None:
    code, lines = serve(**project).ended()
    assert code == 1
    assert f"BUCKET_NAME='{BUCKET}' cannot be mounted: this container may not mount" in lines[-1]
    assert "--cap-add SYS_ADMIN --device /dev/fuse" in lines[-1]


def test_s3fs_killed_ends_the_container_and_nothing_is_written_underneath(
    serve: Serve, s3: Server, project: dict[str, str]
) -> None:
    service = serve(*MOUNT, **project, S3FS_DEBUG="1").ready()
    assert "AWS4-HMAC" in service.logs(), "headers are logged when somebody asks for them"
    with service.notebook.start("python3") as kernel:
        kernel.run("open('before', 'w').write('x')")
        service.signal("KILL", "s3fs")
        code, lines = service.ended()
        kernel.close()
    assert code == 137
    assert "s3fs was killed by signal 9" in lines
    # The same container again: what lies under the mount is empty, and only root may write there.
    service.start()
    service.ready(times=2)
    assert "before" in objects(s3)
    service.run("umount --lazy /home/melda/project")
    assert "denied" in service.run("touch /home/melda/project/lost 2>&1", user="melda", check=False)
    assert service.run("ls -A /home/melda/project").strip() == ""


def test_an_outage_of_20_seconds_while_a_notebook_saves(serve: Serve, s3: Server, project: dict[str, str]) -> None:
    service = serve(*MOUNT, **project).ready()
    document = {"type": "file", "format": "text", "content": "kept" * 1000}
    service.notebook.request("PUT", "/api/contents/work.txt", document)
    s3.refuse()
    began = time.monotonic()
    patient = service.notebook
    patient.timeout = 120
    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(patient.request, "PUT", "/api/contents/work.txt", {**document, "content": "new" * 1000})
        until(lambda: time.monotonic() - began > 20, "20 seconds without S3")
        s3.answer()
        saved = saving.result()
    assert saved.json()["size"] == 3000
    assert service.running
    until(lambda: objects(s3).get("work.txt") == 3000, "the file is whole in the bucket")
    until(lambda: service.health()["mount"] == "ok", "the mount is well again")


def test_stopped_while_200_files_are_written(serve: Serve, s3: Server, project: dict[str, str]) -> None:
    service = serve(*MOUNT, **project).ready()
    with service.notebook.start("python3") as kernel:
        kernel.send(
            "import os\nos.mkdir('out')\n"
            "for n in range(200):\n"
            "    with open(f'out/{n}', 'w') as f: f.write('x' * 20000)\n"
            "    print(n, flush=True)\n"
        )
        until(lambda: len(objects(s3, "users/ada/out/")) > 50, "some files are written")
        assert service.seconds_to_stop() < 9
        kernel.close()
    assert service.inspect("{{.State.ExitCode}}") == "0", service.logs()
    written = {key: size for key, size in objects(s3, "users/ada/out/").items() if key}
    # The kernel is stopped within a file at most: what it closed is whole.
    assert len(written) > 50
    assert sorted(set(written.values()))[-1] == 20000
    assert [size for size in written.values() if size not in (20000, 0)] == []


def test_a_disk_that_is_full_stops_the_start_with_one_line(serve: Serve, project: dict[str, str]) -> None:
    code, lines = serve(*MOUNT, "--tmpfs", "/run:size=0,nr_inodes=1", **project).ended()
    assert code == 1
    assert re.search("No space left|cannot be", lines[-1]), lines


def requests_of_a_start(serve: Serve, s3: Server, project: dict[str, str], files: int) -> list[str]:
    """What a start asks of S3 until its packages are there, when the project holds that many files.

    Without what the sync daemon asks meanwhile, which nobody waits for.
    """
    folder, client = f"users/{files}", s3.client()
    for number in range(files):
        client.put_object(Bucket=BUCKET, Key=f"{folder}/folder {number % 10}/{number}.csv", Body=b"x")
    before = len(s3.requests)
    service = serve(*MOUNT, **project | {"PROJECT_FOLDER": folder}).ready()
    until(lambda: service.health()["plugins"].startswith("saved"), "the packages are here")
    found = [
        f"{method} {path.replace(folder, 'users/x')}"
        for method, path in ((method, unquote(path)) for method, path, _ in s3.requests[before:])
        if f"{folder}/" in path and ".melda-jupyter" not in path
    ]
    assert found
    return sorted(found)


def test_a_start_asks_no_more_of_s3_for_many_files(serve: Serve, s3: Server, project: dict[str, str]) -> None:
    assert requests_of_a_start(serve, s3, project, 150) == requests_of_a_start(serve, s3, project, 10)


def test_no_room_for_what_s3fs_keeps(serve: Serve, s3: Server, project: dict[str, str]) -> None:
    code, lines = serve(*MOUNT, "--tmpfs", "/tmp:size=4m,mode=1777", **project).ended()
    assert (code, lines[-1]) == (1, f"BUCKET_NAME='{BUCKET}' was not mounted: s3fs ended; its output is above")


def test_no_room_for_what_s3fs_is_to_send(serve: Serve, s3: Server, project: dict[str, str]) -> None:
    """The cell gets the error, what fits is kept, and the container goes on."""
    service = serve(*MOUNT, "--tmpfs", "/tmp:size=80m,mode=1777", **project).ready()
    done = service.notebook.run("python3", "with open('big', 'wb') as f: f.write(bytes(200 << 20))", timeout=120)
    assert (done.status, done.error.splitlines()[0]) == ("error", "OSError"), done
    done = service.notebook.run("python3", "open('small', 'w').write('kept'); print(open('small').read())")
    assert (done.status, done.stdout) == ("ok", "kept\n"), done
    assert objects(s3)["small"] == 4
    assert service.health()["mount"] == "ok"
