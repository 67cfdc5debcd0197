"""The questions put to S3 before it is mounted, against a server that answers as told."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from melda.base.errors import ConfigError, TemporaryFailure
from melda.config import bucket
from melda.config.bucket import Bucket
from melda.mount import s3

from tests.fakes.background import Background

Answers = Callable[[str, str], tuple[int, bytes]]


class Service:
    """An S3 service: ``answers`` says what to answer; ``asked`` is what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: Answers = lambda method, path: (200, b"")
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append(f"{self.command} {self.path}")
                status, body = service.answers(self.command, self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    with Background(service.server):
        yield service


@pytest.mark.parametrize(
    ("query", "signature"),
    [  # the examples of "Authenticating Requests: Using the Authorization Header", Amazon S3 API reference
        ("lifecycle=", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_signature(query: str, signature: str) -> None:
    keys = bucket.Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "")
    asked = Bucket("examplebucket", "x", keys, "https://examplebucket.s3.amazonaws.com", "us-east-1", False)
    when = datetime.datetime(2013, 5, 24, tzinfo=datetime.timezone.utc)
    assert s3.signed(asked, "GET", "/", query, when)["authorization"].endswith("Signature=" + signature)


def test_a_session_token_is_signed(project: Bucket) -> None:
    asked = project._replace(credentials=bucket.Credentials("k", "s", "TOKEN"))
    headers = s3.signed(asked, "GET", "/", "", datetime.datetime.now(datetime.timezone.utc))
    assert headers["x-amz-security-token"] == "TOKEN"  # noqa: S105
    assert "x-amz-security-token" in headers["authorization"]


def test_a_folder_that_is_there_is_not_made(project: Bucket, service: Service) -> None:
    service.answers = lambda method, path: (200, b"<Contents><Key>users/a%C3%A9+x/</Key></Contents>")
    asked = project._replace(endpoint=service.url, folder="users/aé x")
    assert s3.prepare(asked) == (asked, set())
    query = "delimiter=%2F&encoding-type=url&list-type=2&max-keys=250&prefix=users%2Fa%C3%A9%20x%2F"
    assert service.asked == ["GET /bucket?" + query], "once for all that is asked of the folder"


@pytest.mark.parametrize("listing", [b"<KeyCount>0</KeyCount>", b"<Key>users/ada/file</Key>"])
def test_a_folder_that_is_not_there_is_made(project: Bucket, service: Service, listing: bytes) -> None:
    service.answers = lambda method, path: (200, listing)
    s3.prepare(project._replace(endpoint=service.url))
    assert service.asked[1:] == ["PUT /bucket/users/ada/"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("InvalidAccessKeyId", "^invalid AWS_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", "^invalid AWS_SECRET_ACCESS_KEY"),
        ("ExpiredToken", "^invalid AWS_SESSION_TOKEN"),
        ("NoSuchBucket", "^invalid BUCKET_NAME='bucket'"),
        ("AccessDenied", "^invalid BUCKET_NAME='bucket'.* may not ListBucket"),
        ("SomethingElse", "^BUCKET_NAME='bucket' cannot be used: .* answers SomethingElse"),
    ],
)
def test_what_s3_refuses_is_said_in_terms_of_our_variables(
    project: Bucket, service: Service, code: str, said: str
) -> None:
    service.answers = lambda method, path: (403, f"<Error><Code>{code}</Code></Error>".encode())
    with pytest.raises(ConfigError, match=said) as refused:
        s3.prepare(project._replace(endpoint=service.url))
    assert "CANARY" not in str(refused.value)


def test_a_bucket_that_may_only_be_read_is_refused(project: Bucket, service: Service) -> None:
    denied = (403, b"<Error><Code>AccessDenied</Code></Error>")
    service.answers = lambda method, path: denied if method == "PUT" else (200, b"")
    with pytest.raises(ConfigError, match="may not PutObject"):
        s3.prepare(project._replace(endpoint=service.url))


def test_a_service_that_is_busy_is_asked_again(project: Bucket, service: Service) -> None:
    service.answers = lambda method, path: (503, b"") if len(service.asked) == 1 else (200, b"")
    s3.prepare(project._replace(endpoint=service.url))
    assert len(service.asked) == 3


def test_nobody_there(project: Bucket) -> None:
    with pytest.raises(ConfigError, match=r"^invalid AWS_ENDPOINT_URL_S3='http://127.0.0.1:9'.* does not answer"):
        s3.prepare(project)


def test_the_region_s3_says_is_used(project: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = s3.Response(301, {"x-amz-bucket-region": "eu-west-1"}, b"<Code>PermanentRedirect</Code>")
    there = s3.Response(200, {}, b"<Key>users/ada/</Key>")
    monkeypatch.setattr(s3, "request", lambda b, *_, **__: there if b.region == "eu-west-1" else elsewhere)
    found, _ = s3.prepare(project._replace(endpoint=""))
    assert found.region == "eu-west-1"
    assert found.url_of_service == "https://s3.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b""), (404, b"<Error><Code>NoSuchKey</Code></Error>")],
)
def test_a_bucket_that_can_be_read(project: Bucket, service: Service, status: int, body: bytes) -> None:
    service.answers = lambda method, path: (status, body)
    s3.readable(project._replace(endpoint=service.url))
    assert service.asked[0] == "GET /bucket/users/ada/"


def test_a_bucket_whose_service_fails(project: Bucket, service: Service) -> None:
    service.answers = lambda method, path: (500, b"")
    with pytest.raises(TemporaryFailure, match="HTTP 500"):
        s3.readable(project._replace(endpoint=service.url))
    with pytest.raises(TemporaryFailure, match="does not answer"):
        s3.readable(project)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "InvalidAccessKeyId", "invalid AWS_ACCESS_KEY_ID: S3 does not know it"),
        (400, "ExpiredToken", "invalid AWS_SESSION_TOKEN: it has expired"),
        (403, "AccessDenied", "may not GetObject in s3://bucket/users/ada"),
        (404, "NoSuchBucket", "there is no such bucket"),
    ],
)
def test_a_bucket_that_cannot_be_read_any_more(
    project: Bucket, service: Service, status: int, code: str, said: str
) -> None:
    service.answers = lambda method, path: (status, f"<Error><Code>{code}</Code></Error>".encode())
    with pytest.raises(ConfigError, match=said):
        s3.readable(project._replace(endpoint=service.url))
