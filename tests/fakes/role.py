"""Where AWS gives a role's keys: ECS's address for its tasks, and EC2's instance metadata service."""

from __future__ import annotations

import datetime
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.background import Background
from tests.fakes.s3 import Credentials

ECS_PATH = "/v2/credentials/7c1a3f6e"
ROLE = "melda-test-role"
ROLES = "/latest/meta-data/iam/security-credentials/"
TOKEN = "melda-test-token"  # noqa: S105 - of a stand-in


class Server(Background):
    """Gives keys on port 80 while the ``with`` block runs, as both services do.

    Args:
        address: to listen on: 169.254.170.2 for ECS, 169.254.169.254 for EC2.
        keys: what it gives.

    ``requests`` lists what was asked so far: (method, path, status).
    """

    def __init__(self, address: str, keys: Credentials) -> None:
        self.requests: list[tuple[str, str, int]] = []
        requests = self.requests
        expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=6)
        given = {
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_access_key,
            "Token": keys.session_token,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        # s3fs counts the fields: each service has its own.
        of_ecs = json.dumps({"RoleArn": f"arn:aws:iam::123456789012:role/{ROLE}", **given})
        of_ec2 = json.dumps({"Code": "Success", **given}, indent=2)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # which knows Expect

            def handle_expect_100(self) -> bool:
                # As EC2 does; s3fs up to 1.90 expects.
                self._say(417, "")
                return False

            def do_PUT(self) -> None:
                known = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
                self._say(200 if known else 404, TOKEN if known else "")

            def do_GET(self) -> None:
                answers = {ECS_PATH: of_ecs, ROLES: ROLE, ROLES + ROLE: of_ec2}
                if self.headers.get("X-aws-ec2-metadata-token", TOKEN) != TOKEN:
                    self._say(401, "")
                else:
                    self._say(200 if self.path in answers else 404, answers.get(self.path, ""))

            def _say(self, status: int, text: str) -> None:
                requests.append((self.command, self.path, status))
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        super().__init__(ThreadingHTTPServer((address, 80), Handler))
