"""FORK_OF: the parent's capture comes into the project once, as S3 copies it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from melda_runtime import environment, fork, s3
from melda_runtime.bucket import Bucket
from melda_runtime.errors import Refused

from tests.standins.background import Background

PARENT = "users/eve/née x"
OURS = "users/ada/.melda-jupyter"


class Objects:
    """A bucket that lists, takes and copies."""

    def __init__(self, *keys: str) -> None:
        self.objects = {key: key for key in keys}  # what is copied keeps its first name
        self.refuses = ""
        self.puts: list[str] = []
        objects = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                found = sorted(key for key in objects.objects if key.startswith(query["prefix"][0]))
                listed = found[: int(query["max-keys"][0])]
                self._answer(200, "".join(f"<Key>{quote(key)}</Key>" for key in listed))

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


def test_it_is_copied_with_what_lies_beside_it_and_last(forked: Bucket, objects: Objects) -> None:
    kept = f"{PARENT}/.melda-jupyter/environment.json"
    fill(objects, f"{PARENT}/environment.json", kept, f"{kept}.files/", f"{kept}.files/owl-3.0.whl", f"{kept}.old")
    fork.fetch(forked)
    ours = f"{OURS}/fork/environment.json"
    assert objects.puts == [f"{OURS}/", f"{OURS}/fork/", f"{ours}.files/owl-3.0.whl", f"{ours}.files/", ours]
    assert objects.objects[ours] == kept
    del objects.puts[:]
    fork.fetch(forked)
    assert objects.puts == [], "a second start copies nothing"


def test_what_the_user_captured_if_nothing_else_is_there(forked: Bucket, objects: Objects) -> None:
    fill(objects, f"{PARENT}/environment.json", f"{PARENT}/notebook.ipynb")
    fork.fetch(forked)
    assert objects.objects[f"{OURS}/fork/environment.json"] == f"{PARENT}/environment.json"


def test_a_parent_without_a_capture(forked: Bucket, objects: Objects) -> None:
    fill(objects, f"{PARENT}/notebook.ipynb", f"{OURS}/", f"{PARENT}2/environment.json")
    fork.fetch(forked)
    assert objects.puts == [f"{OURS}/fork/"]


def test_what_is_over_is_not_begun_again(forked: Bucket, objects: Objects) -> None:
    fill(objects, f"{PARENT}/environment.json", f"{OURS}/fork/done.json")
    fork.fetch(forked)
    assert objects.puts == []


def test_a_parent_that_is_not_there(forked: Bucket, objects: Objects) -> None:
    with pytest.raises(Refused, match="^FORK_OF='users/eve/née x' is not right: there is no such folder"):
        fork.fetch(forked)
    assert objects.puts == []


def test_cut_off_it_is_copied_again(forked: Bucket, objects: Objects) -> None:
    fill(objects, f"{PARENT}/environment.json", f"{PARENT}/environment.json.files/x.whl")
    objects.refuses = "fork/environment.json.files"
    with pytest.raises(Refused, match="InternalError to CopyObject"):
        fork.fetch(forked)
    assert f"{OURS}/fork/environment.json" not in objects.objects
    objects.refuses = ""
    fork.fetch(forked)
    assert f"{OURS}/fork/environment.json" in objects.objects


def test_the_service(settings: environment.Settings, project: Bucket) -> None:
    assert fork.service(settings, {}) is None
    assert fork.service(settings._replace(bucket=project), {}) is None
    found = fork.service(settings._replace(bucket=project._replace(fork_of=PARENT)), {"A": "1"})
    assert found and found.once and not found.essential and found.account == settings.place.user
    assert found.argv[-1] == PARENT and "CANARY" not in repr(found)


def test_a_listing_in_order() -> None:
    answer = s3.Answer(200, {}, b"<Key>a+b%2Fc</Key><Prefix>x</Prefix><Key>d</Key>")
    assert s3._keys(answer) == ["a b/c", "d"]
