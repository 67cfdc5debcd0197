"""S3 for containers: moto's server in a thread of the test, which checks keys and can be made to fail.

Configuration of moto's access control: https://docs.getmoto.org/en/latest/docs/iam.html.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from http.server import HTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import FakeKey
from werkzeug.serving import BaseWSGIServer, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REGION = "us-east-1"
LARGE = 16 << 20  # bytes from which on moto keeps an object in a file
Judge = Callable[[str, str], str]


def serve_all(_method: str, _path: str) -> str:
    """Refuse nothing."""
    return ""


@dataclass(frozen=True)
class Credentials:
    """Keys as the environment of a container takes them; ``session_token`` is empty for permanent ones."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """As variables of the environment, without the empty ones."""
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        values = (self.access_key_id, self.secret_access_key, self.session_token)
        return {name: value for name, value in zip(names, values, strict=True) if value}


def _keep_the_last_content() -> None:
    """Let moto read a large object once, not as a whole for each of the ranges of 10 MB in which s3fs asks for it."""
    content = FakeKey.value
    read, write = content.fget, content.fset  # type: ignore[attr-defined]
    last, one_at_a_time = lru_cache(maxsize=1)(read), threading.Lock()

    def get(key: FakeKey) -> bytes:
        if key.contentsize < LARGE:
            return bytes(read(key))
        with one_at_a_time:  # five ranges are asked for at once
            return bytes(last(key))

    def set_(key: FakeKey, value: bytes) -> None:
        write(key, value)
        last.cache_clear()

    FakeKey.value = property(get, set_)  # type: ignore[assignment]


_keep_the_last_content()


def _encode(query: str) -> str:
    pairs = (pair.split("=", 1) for pair in query.split("&"))
    return "&".join("=".join(quote(unquote(part), safe="-_.~") for part in pair) for pair in pairs)


def _as_s3(application: WSGIApplication, judge: Judge) -> WSGIApplication:
    """Do as S3 does where moto does not, as far as s3fs meets it; ``judge`` may refuse a request.

    The signature is checked over the query encoded by the rules, not as it was sent, where "/" may be bare.
    The old signature, which s3fs 1.90 tries once the new one was refused, is a 403; moto stumbles over it.
    """

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_AUTHORIZATION", "").startswith("AWS "):
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SignatureDoesNotMatch</Code><Message>Not version 4</Message></Error>"]
        refused = judge(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if refused:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(refused, [("Content-Type", "application/xml")])
            return [f"<Error><Code>{refused[4:].replace(' ', '')}</Code><Message>Refused</Message></Error>".encode()]
        query = environ.get("QUERY_STRING", "")
        if query:
            environ["QUERY_STRING"] = _encode(query)
            for name in {"REQUEST_URI", "RAW_URI"} & environ.keys():
                environ[name] = environ[name].partition("?")[0] + "?" + environ["QUERY_STRING"]
        return application(environ, start_response)

    return wrapped


class Server:
    """An S3 service while the ``with`` block runs; the state of moto is the process's, so one at a time.

    Args:
        address: address to listen on, for instance ``serve.gateway()``.

    ``requests`` lists what was answered so far: (method, path with query, status). ``judge`` is asked before each
    request: what it returns, for instance ``403 Access Denied``, is the answer, unless it is empty.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.requests: list[tuple[str, str, int]] = []
        requests = self.requests

        class Handler(MotoRequestHandler):
            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                requests.append((self.command, self.path, int(code)))

        self._handler = Handler
        self.judge: Judge = serve_all
        self._application = _as_s3(
            DomainDispatcherApplication(create_backend_app), lambda method, path: self.judge(method, path)
        )
        self._address = address
        self._port = 0
        self._listener: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None
        self._admin = Credentials("melda-test", "melda-test")
        self._clients: dict[tuple[str, Credentials, str], Any] = {}

    @property
    def url(self) -> str:
        """What AWS_ENDPOINT_URL_S3 takes; the same after an outage."""
        return f"http://{self._address}:{self._port}"

    def answer(self) -> None:
        """Begin to answer, for the first time or again after :meth:`refuse` or :meth:`hang`; buckets stay."""
        if self._thread:
            return
        if not self._listener:
            self._listener = make_server(
                self._address, self._port, self._application, threaded=True, request_handler=self._handler
            )
            self._port = self._listener.server_port
        # Not werkzeug's own serve_forever: it closes the socket at the end, and hang() keeps it open.
        serve = HTTPServer.serve_forever
        self._thread = threading.Thread(target=serve, args=(self._listener, 0.05), daemon=True)
        self._thread.start()

    def hang(self) -> None:
        """Connections are still taken, and get no answer."""
        if self._listener and self._thread:
            self._listener.shutdown()
            self._thread.join()
            self._thread = None

    def refuse(self) -> None:
        """Connections are refused."""
        self.hang()
        if self._listener:
            self._listener.server_close()
            self._listener = None

    def client(self, service: str = "s3", credentials: Credentials | None = None) -> Any:
        """A boto3 client.

        Args:
            service: AWS's name of it.
            credentials: None for those of an administrator.
        """
        used = credentials or self._admin
        if (service, used, self.url) in self._clients:  # to make one takes longer than a request
            return self._clients[service, used, self.url]
        made = self._clients[service, used, self.url] = boto3.client(
            service,  # type: ignore[call-overload, unused-ignore]
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=used.access_key_id,
            aws_secret_access_key=used.secret_access_key,
            aws_session_token=used.session_token or None,
            config=Config(proxies={}, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )
        return made

    def bucket(self, name: str) -> str:
        """Create an empty bucket; return its name."""
        self.client().create_bucket(Bucket=name)
        return name

    def content(self, bucket: str, key: str) -> bytes:
        """What is in an object; empty if there is none."""
        try:
            return bytes(self.client().get_object(Bucket=bucket, Key=key)["Body"].read())
        except self.client().exceptions.NoSuchKey:
            return b""

    def credentials(self, name: str, bucket: str, temporary: bool = False) -> Credentials:
        """Keys that may do everything with one bucket and nothing else.

        Args:
            name: of the user, or with ``temporary`` the role, that is made for them.
            bucket: it need not exist.
            temporary: with a session token, as a task's role has.
        """
        return self._keys(name, [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], "s3:*", temporary)

    def _keys(self, name: str, resource: list[str], action: str, temporary: bool = False) -> Credentials:
        iam = self.client("iam")
        allowed = {"Effect": "Allow", "Action": action, "Resource": resource}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        if not temporary:
            return self.allowed(name, policy)
        anyone = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [anyone]})
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=policy)
        made = self.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName=name)["Credentials"]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])

    def allowed(self, name: str, policy: str) -> Credentials:
        """Keys of a new user who may do what an IAM policy says. (Of moto: conditions are not looked at.)"""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(made["AccessKeyId"], made["SecretAccessKey"])

    def _control(self, path: str, content: bytes = b"") -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        # As a form, which is urllib's default, the content would not arrive.
        kind = {"Content-Type": "text/plain"}
        opener.open(urllib.request.Request(f"{self.url}/moto-api/{path}", content, kind, method="POST")).close()

    def __enter__(self) -> Server:
        self.answer()
        self._control("reset-auth", b"inf")
        self._control("reset")
        self._admin = self._keys("melda-test-admin", ["*"], "*")
        # From here on every request's key, signature and rights are checked, as S3 does; moto leaves it off.
        self._control("reset-auth", b"0")
        self.requests.clear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()
