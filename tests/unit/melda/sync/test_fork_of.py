"""FORK_OF: the parent's capture comes into the project once, as S3 copies it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from melda.base.errors import ConfigError
from melda.config import environ
from melda.config.bucket import Bucket
from melda.mount import s3
from melda.sync import copy_fork, fork_of

from tests.fakes.background import Background

PARENT = "users/eve/née x"
OURS = "users/ada/.melda-jupyter"


class Objects:
    """A bucket that lists, takes and copies."""

    def __init__(self, *keys: str) -> None:
        self.objects = {key: key for key in keys}  # what is copied keeps its first name
        self.refuses = ""
        self.puts: list[str] = []
        self.sizes: dict[str, int] = {}
        self.listings = 0
        objects = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                after, most = query.get("start-after", [""])[0], int(query["max-keys"][0])
                found = sorted(key for key in objects.objects if key.startswith(query["prefix"][0]) and key > after)
                output = "<IsTruncated>true</IsTruncated>" if len(found) > most else ""
                for key in found[:most]:
                    size = objects.sizes.get(key, 1)
                    output += f"<Contents><Key>{quote(key)}</Key><Size>{size}</Size></Contents>"
                objects.listings += 1
                self._answer(200, output)

            def do_PUT(self) -> None:
                key = unquote(self.path.partition("/bucket/")[2])
                source = unquote(self.headers.get("x-amz-copy-source", "")).partition("/bucket/")[2]
                signed = re.search("SignedHeaders=([^,]*)", self.headers["authorization"])
                assert signed and ("x-amz-copy-source" in signed.group(1)) == bool(source)
                assert bool(source) or self.headers["content-type"] == "application/x-directory"
                objects.puts.append(key)
                if objects.refuses and objects.refuses in key:
                    self._answer(200, "<Error><Code>InternalError</Code></Error>")
                    return
                objects.objects[key] = objects.objects[source] if source else key
                self._answer(200, "")

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def objects() -> Iterator[Objects]:
    served = Objects()
    with Background(served.server):
        yield served


@pytest.fixture
def forked(project: Bucket, objects: Objects) -> Bucket:
    return project._replace(endpoint=objects.url, fork_of=PARENT)


def fill(objects: Objects, *keys: str) -> None:
    objects.objects.update({key: key for key in keys})


def begun(forked: Bucket, settings: environ.Settings) -> list[Any]:
    """The services that a start begins."""
    services: list[Any] = []
    fork_of.fetch(forked, settings, SimpleNamespace(start=services.append))  # type: ignore[arg-type]
    return services


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_of, "RUN", str(tmp_path))
    monkeypatch.setattr(fork_of, "COPIED", str(tmp_path / "fork.json"))


def test_it_is_copied_with_what_lies_beside_it_and_last(
    forked: Bucket, objects: Objects, settings: environ.Settings
) -> None:
    kept = f"{PARENT}/.melda-jupyter/environment.json"
    fill(objects, f"{PARENT}/environment.json", kept, f"{kept}.files/", f"{kept}.files/owl-3.0.whl", f"{kept}.old")
    copy_fork.Fork(forked).copy()
    ours = f"{OURS}/fork/environment.json"
    assert objects.puts[:2] == [f"{OURS}/", f"{OURS}/fork/"] and objects.puts[-1] == ours
    assert sorted(objects.puts[2:-1]) == [f"{ours}.files/", f"{ours}.files/owl-3.0.whl"]
    assert objects.objects[ours] == kept
    assert begun(forked, settings) == [] and fork_of.copied().over, "a second start copies nothing"


def test_what_the_user_captured_if_nothing_else_is_there(forked: Bucket, objects: Objects) -> None:
    fill(objects, f"{PARENT}/environment.json", f"{PARENT}/notebook.ipynb")
    copy_fork.Fork(forked).copy()
    assert objects.objects[f"{OURS}/fork/environment.json"] == f"{PARENT}/environment.json"


def test_a_parent_without_a_capture(forked: Bucket, objects: Objects) -> None:
    fill(objects, f"{PARENT}/notebook.ipynb", f"{OURS}/", f"{PARENT}2/environment.json")
    copy_fork.Fork(forked).copy()
    assert objects.puts == [f"{OURS}/fork/"]


def test_what_is_over_is_not_begun_again(forked: Bucket, objects: Objects, settings: environ.Settings) -> None:
    fill(objects, f"{PARENT}/environment.json", f"{OURS}/fork/done.json")
    assert begun(forked, settings) == [] and objects.puts == []


def test_a_parent_that_is_not_there(forked: Bucket, objects: Objects, settings: environ.Settings) -> None:
    with pytest.raises(
        ConfigError, match="^invalid FORK_OF='users/eve/née x': expected a folder that is in the bucket"
    ):
        begun(forked, settings)
    assert objects.puts == []


def test_cut_off_it_is_copied_again(forked: Bucket, objects: Objects) -> None:
    fill(objects, f"{PARENT}/environment.json", f"{PARENT}/environment.json.files/x.whl")
    objects.refuses = "fork/environment.json.files"
    with pytest.raises(ConfigError, match="InternalError to CopyObject"):
        copy_fork.Fork(forked).copy()
    assert f"{OURS}/fork/environment.json" not in objects.objects
    objects.refuses = ""
    copy_fork.Fork(forked).copy()
    assert f"{OURS}/fork/environment.json" in objects.objects


def test_the_start_asks_little_and_leaves_the_copies_to_a_process_that_has_the_keys(
    forked: Bucket, objects: Objects, settings: environ.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = f"{PARENT}/environment.json"
    fill(objects, kept, *(f"{kept}.files/p{number}.whl" for number in range(900)))
    (service,) = begun(forked, settings)
    assert objects.listings == 2 and objects.puts == [] and not fork_of.copied().over
    assert service.oneshot and not service.critical and service.account.uid == 0
    assert "CANARY" not in repr(service) and "CANARY" not in str(service.environment)
    assert copy_fork.read_bucket(service.stdin) == forked == copy_fork.read_bucket(service.stdin), (
        "also when it is started again"
    )
    monkeypatch.setattr(copy_fork, "read_bucket", lambda: forked)
    assert copy_fork.main() == 0 and fork_of.copied() == fork_of.Copied(True)
    assert len(objects.puts) == 903


def test_what_fails_is_said_once_and_tried_again(
    forked: Bucket, objects: Objects, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(objects, f"{PARENT}/environment.json")
    monkeypatch.setattr(copy_fork, "read_bucket", lambda: forked)
    objects.refuses = "fork/environment.json"
    paused: list[float] = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        assert not fork_of.copied().over and "InternalError" in fork_of.copied().problem
        if len(paused) == 3:
            objects.refuses = ""

    monkeypatch.setattr(copy_fork.time, "sleep", pause)
    assert copy_fork.main() == 0 and paused == [5.0, 10.0, 20.0]
    assert capsys.readouterr().err.count("not copied yet") == 1


@pytest.mark.parametrize(
    "name", ["..", "../x", "a/../../x", "./x", ".", "a//x", "/x", "a\\x", "a\nx", "a\x1bx", "a/..", "x" * 990]
)
def test_a_name_that_leads_elsewhere_is_not_copied(
    forked: Bucket, objects: Objects, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = f"{PARENT}/environment.json"
    fill(objects, kept, f"{kept}.files/good.whl", f"{kept}.files/{name}")
    copy_fork.Fork(forked).copy()
    ours = f"{OURS}/fork/environment.json"
    assert objects.puts[2:] == [f"{ours}.files/good.whl", ours]
    output = capsys.readouterr().err
    assert "not copied" in output and output.count("\n") == 1 and "\x1b" not in output


def test_how_much_is_copied_has_limits(
    forked: Bucket, objects: Objects, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = f"{PARENT}/environment.json"
    fill(objects, kept, *(f"{kept}.files/p{number:05}.whl" for number in range(1500)))
    objects.sizes[f"{kept}.files/p00003.whl"] = 1 << 30
    copy_fork.Fork(forked).copy()
    assert len(objects.puts) == 2 + copy_fork.MOST + 1
    assert "p00003.whl, p01001.whl" in (output := capsys.readouterr().err) and "and 495 more" in output
    objects.listings = 0
    monkeypatch.setattr(copy_fork, "PAGES", 2)
    copy_fork.plan(forked)
    assert objects.listings == 4


def test_a_file_that_s3_never_copies_costs_itself_alone(
    forked: Bucket, objects: Objects, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a parent's, who may have put it into an archive, or encrypted it with a key of its own."""
    kept = f"{PARENT}/environment.json"
    fill(objects, kept, *(f"{kept}.files/p{number}.whl" for number in range(20)))
    objects.refuses = "files/p7.whl"
    paused: list[float] = []
    monkeypatch.setattr(copy_fork, "read_bucket", lambda: forked)
    monkeypatch.setattr(copy_fork.time, "sleep", lambda seconds: paused.append(seconds) if len(paused) < 5 else 1 / 0)
    assert copy_fork.main() == 0 and len(paused) == copy_fork.TRIES - 1
    assert f"{OURS}/fork/environment.json" in objects.objects
    assert objects.puts.count(f"{OURS}/fork/environment.json.files/p8.whl") == 1, "what is here is not copied again"
    assert "not copied, after 3 tries: p7.whl: " in capsys.readouterr().err


def test_where_nothing_is_copied_no_file_is_given_up(
    forked: Bucket, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = f"{PARENT}/environment.json"
    fill(objects, kept, f"{kept}.files/x.whl")
    objects.refuses = "fork/environment.json"
    paused: list[float] = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == copy_fork.TRIES:
            objects.refuses = ""

    monkeypatch.setattr(copy_fork, "read_bucket", lambda: forked)
    monkeypatch.setattr(copy_fork.time, "sleep", pause)
    assert copy_fork.main() == 0
    assert f"{OURS}/fork/environment.json.files/x.whl" in objects.objects


def test_a_capture_that_is_none_by_its_size_is_not_copied(
    forked: Bucket, objects: Objects, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(objects, f"{PARENT}/.melda-jupyter/environment.json", f"{PARENT}/environment.json")
    objects.sizes = {f"{PARENT}/.melda-jupyter/environment.json": (16 << 20) + 1}
    copy_fork.Fork(forked).copy()
    assert objects.objects[f"{OURS}/fork/environment.json"] == f"{PARENT}/environment.json"
    objects.objects.pop(f"{OURS}/fork/environment.json")
    objects.sizes[f"{PARENT}/environment.json"] = 5 << 30
    copy_fork.Fork(forked).copy()
    assert f"{OURS}/fork/environment.json" not in objects.objects
    assert "too large" in capsys.readouterr().err


def test_the_service(settings: environ.Settings, project: Bucket) -> None:
    assert fork_of.service(settings, {}) is None
    assert fork_of.service(settings._replace(bucket=project), {}) is None
    found = fork_of.service(settings._replace(bucket=project._replace(fork_of=PARENT)), {"A": "1"})
    assert found and found.oneshot and not found.critical and found.account == settings.layout.user
    assert found.argv[-1] == PARENT and found.argv[0].endswith("/nice") and "CANARY" not in repr(found)


def test_a_listing_in_order() -> None:
    answer = s3.Response(200, {}, b"<Key>a+b%2Fc</Key><Prefix>x</Prefix><Key>d&amp;&lt;&#38;%26</Key><Key>\xff</Key>")
    assert s3.keys_of(answer) == ["a b/c", "d&<&&", "\ufffd"]
