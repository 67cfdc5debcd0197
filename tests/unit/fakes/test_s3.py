from __future__ import annotations

import socket
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.fakes.s3 import LARGE, Credentials, Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        running.bucket("projects")
        yield running


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


@pytest.mark.parametrize("temporary", [False, True])
def test_keys_open_their_bucket_and_no_other(server: Server, temporary: bool) -> None:
    keys = server.credentials("alice", "projects", temporary)
    assert bool(keys.session_token) == temporary
    client = server.client(credentials=keys)
    client.put_object(Bucket="projects", Key="a b/ü.ipynb", Body=b"text")
    assert client.get_object(Bucket="projects", Key="a b/ü.ipynb")["Body"].read() == b"text"
    server.bucket("other")
    with pytest.raises(ClientError) as error:
        client.list_objects_v2(Bucket="other")
    assert code(error) == "AccessDenied"


def test_a_wrong_key_is_refused(server: Server) -> None:
    with pytest.raises(ClientError) as error:
        server.client(credentials=Credentials("AKIAWRONG", "wrong")).list_objects_v2(Bucket="projects")
    assert code(error) == "InvalidAccessKeyId"


def test_a_wrong_secret_is_refused(server: Server) -> None:
    keys = server.credentials("alice", "projects")
    with pytest.raises(ClientError) as error:
        server.client(credentials=Credentials(keys.access_key_id, "wrong")).list_objects_v2(Bucket="projects")
    assert code(error) == "SignatureDoesNotMatch"


def test_a_query_is_signed_by_the_rules_however_it_is_sent(server: Server) -> None:
    client = server.client(credentials=server.credentials("alice", "projects"))
    client.put_object(Bucket="projects", Key="a/b", Body=b"")

    def bare(request: Any, **_: Any) -> None:
        request.url = request.url.replace("prefix=a%2F", "prefix=a/")

    client.meta.events.register_last("before-send.s3.ListObjectsV2", bare)
    assert client.list_objects_v2(Bucket="projects", Prefix="a/")["KeyCount"] == 1
    assert "prefix=a/" in server.requests[-1][1]


def test_the_old_signature_is_refused(server: Server) -> None:
    request = Request(server.url + "/projects/", headers={"Authorization": "AWS AKIAWRONG:c2lnbmF0dXJl"})
    with pytest.raises(HTTPError) as error:
        urlopen(request)
    assert error.value.code == 403


def test_a_bucket_that_does_not_exist_is_said(server: Server) -> None:
    keys = server.credentials("alice", "none")
    with pytest.raises(ClientError) as error:
        server.client(credentials=keys).list_objects_v2(Bucket="none")
    assert code(error) == "NoSuchBucket"


def test_after_an_outage_everything_is_where_it_was(server: Server) -> None:
    client = server.client()
    client.put_object(Bucket="projects", Key="kept", Body=b"text")
    url = server.url
    server.refuse()
    with pytest.raises(EndpointConnectionError):
        client.get_object(Bucket="projects", Key="kept")
    server.answer()
    assert server.url == url
    assert client.get_object(Bucket="projects", Key="kept")["Body"].read() == b"text"


def test_the_content_of_an_object_is_that_of_its_whole_name(server: Server) -> None:
    server.client().put_object(Bucket="projects", Key="kept.json.0123", Body=b"half")
    assert server.content("projects", "kept.json") == b""
    server.client().put_object(Bucket="projects", Key="kept.json", Body=b"text")
    assert server.content("projects", "kept.json") == b"text"


def test_a_hung_service_takes_connections_and_answers_later(server: Server) -> None:
    server.hang()
    address = urlsplit(server.url)
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        server.answer()
        connection.settimeout(5)
        assert connection.recv(4) == b"HTTP"


def test_requests_are_logged(server: Server) -> None:
    server.requests.clear()
    server.client().put_object(Bucket="projects", Key="key", Body=b"")
    assert server.requests == [("PUT", "/projects/key", 200)]


def test_one_server_leaves_nothing_to_the_next() -> None:
    for _ in range(2):
        with Server() as server:
            assert server.client().list_buckets()["Buckets"] == []
            server.bucket("projects")


def test_credentials_as_environment() -> None:
    assert Credentials("id", "secret").environment == {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    assert Credentials("id", "secret", "token").environment["AWS_SESSION_TOKEN"] == "token"


def test_a_large_object_is_read_once_for_all_its_ranges(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client, reads = server.client(), []
    real = SpooledTemporaryFile.read

    def read(file: Any, *size: int) -> Any:
        reads.append(size)
        return real(file, *size)

    monkeypatch.setattr(SpooledTemporaryFile, "read", read)
    for letter in (b"a", b"b"):
        client.put_object(Bucket="projects", Key="large", Body=letter * LARGE)
        reads.clear()
        for start in (0, 5, LARGE - 5):
            part = client.get_object(Bucket="projects", Key="large", Range=f"bytes={start}-{start + 4}")
            assert part["Body"].read() == 5 * letter
        assert reads.count(()) == 1
