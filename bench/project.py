"""A project in S3, moto on this machine, and what mounts it into a container."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tests.fakes.s3 import Credentials, Server
from tests.fakes.serve import gateway

BUCKET = "melda-bench"


@dataclass(frozen=True)
class Storage:
    """A bucket with projects.

    Attributes:
        server: where it is.
        keys: that may use it.
        address: of this machine, for containers.
    """

    server: Server
    keys: Credentials
    address: str

    def fill(self, folder: str, files: int) -> None:
        """Put ``files`` small objects into a folder of the bucket."""
        client = self.server.client()

        def put(number: int) -> None:
            client.put_object(Bucket=BUCKET, Key=f"{folder}/data/{number % 100:02}/{number}.csv", Body=b"1,2,3\n")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(put, range(files)))

    def options(self, folder: str) -> list[str]:
        """Of ``docker create``: a container that mounts ``folder``, behind the firewall that lets this machine in."""
        variables = {
            "BUCKET_NAME": BUCKET,
            "PROJECT_FOLDER": folder,
            "AWS_ENDPOINT_URL_S3": self.server.url,
            "AWS_REGION": "us-east-1",
            "PGEO_IPS": self.address,
            **self.keys.environment,
        }
        given = [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
        mount = ["--cap-add", "SYS_ADMIN", "--device", "/dev/fuse", "--security-opt", "apparmor=unconfined"]
        return [*mount, "--cap-add", "NET_ADMIN", *given]


@contextmanager
def storage(docker: str) -> Iterator[Storage]:
    """S3 with an empty bucket while the block runs."""
    address = gateway(docker=docker)
    with Server(address) as server:
        server.bucket(BUCKET)
        yield Storage(server, server.credentials("melda-bench", BUCKET), address)
