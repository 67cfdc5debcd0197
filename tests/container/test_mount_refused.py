"""S3 refuses while a container runs: the watch says so, and a stop does not say that all is saved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from tests.fakes.s3 import Server, serve_all

from .machines import until
from .services import BUCKET, MOUNT, Service, bucket_variables
from .test_not_pid_1 import size, story, write

Serve = Callable[..., Service]
NOTICED = 30  # seconds: a question every 15
MISSING = "something may be missing in the bucket: "


@pytest.fixture
def service(serve: Serve, s3: Server) -> Service:
    """A container whose project is in a bucket."""
    variables = bucket_variables(s3, s3.bucket(BUCKET), s3.credentials("melda-test-user", BUCKET))
    return serve(*MOUNT, **variables).ready()


@pytest.mark.parametrize(
    ("status", "which", "said"),
    [
        ("403 Access Denied", "/held", "s3fs says: "),  # of one file: nothing else is refused
        ("404 No Such Bucket", "", "there is no such bucket"),  # of which s3fs says nothing
    ],
)
def test_a_last_upload_that_is_refused_is_no_clean_end(
    service: Service, s3: Server, status: str, which: str, said: str
) -> None:
    """s3fs itself ends with 0 then, and the program that would have been told is gone."""
    write(service, "held", 1 << 20)
    s3.judge = lambda method, path: status if path.endswith(which) and (method != "HEAD" or not which) else ""
    service.stop()
    lines = [line for line in service.lines() if MISSING in line]
    assert service.inspect("{{.State.ExitCode}}") == "74" and len(lines) == 1 and said in lines[0], story(service)
    s3.judge = serve_all
    assert size(s3, "held") <= 0


def test_keys_that_are_revoked_are_noticed_and_nobody_is_killed(service: Service, s3: Server) -> None:
    with service.notebook.start("python3") as kernel:
        s3.judge = lambda method, path: "403 InvalidAccessKeyId"
        # Somebody uses the project: else it is noticed within a minute.
        kernel.run("import os\nfor number in range(40): os.path.exists(f'none-{number}')")
        service.says("the mount fails: ", NOTICED)
        assert service.health()["mount"].startswith("fails: invalid AWS_ACCESS_KEY_ID"), service.health()
        assert requests.get(f"http://{service.address}:2310/healthz", timeout=30).status_code == 503
        s3.judge = serve_all
        service.says("the mount answers again", NOTICED)
        assert kernel.run("print(1)").stdout == "1\n" and service.running
    until(lambda: service.health()["mount"] == "ok", "it is well again")
