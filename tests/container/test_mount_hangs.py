"""A mount that does not answer is noticed; it comes back, or the container ends, unless S3 itself does not answer."""

# ruff: noqa: F811 pytest finds the fixtures that are imported here by their names
from __future__ import annotations

from collections.abc import Callable

import requests

from tests.fakes.s3 import Server

from .chromium import Browser, browser  # noqa: F401
from .hanging import Hanging
from .machines import HEALTH_CHECK, until
from .services import MOUNT, Service, bucket_variables

Serve = Callable[..., Service]
SILENT = "the mount does not answer; the project cannot be read or written"
DEAD = "the mount fails: S3 does not answer; the project cannot be read or written"
SHOWN = "document.querySelector('#melda-status').innerText"
NOTICED = 50  # seconds: a question every 15, an answer late after 20


def test_s3fs_that_stands_still(serve: Serve, s3: Server, browser: Browser) -> None:
    """One container in which it goes on, with a page open, and one that is stopped meanwhile. Jupyter hangs in neither."""
    keys = s3.credentials("melda-test-user", s3.bucket("melda-projects"))
    goes_on, stopped = (
        serve(*MOUNT, *HEALTH_CHECK, **bucket_variables(s3, "melda-projects", keys, name)) for name in ("a", "b")
    )
    goes_on.ready()
    kernel = stopped.ready().notebook.start("python3")
    until(lambda: goes_on.healthy, "Docker says so")
    hanging = Hanging(goes_on)
    page = browser(f"{hanging.notebook.url}/lab?token={goes_on.token}")
    page.wait_for_function("Boolean(document.querySelector('#melda-status'))")
    goes_on.signal("STOP", "s3fs")
    stopped.signal("STOP", "s3fs")
    kernel.send("open('lost', 'w')")
    hanging.check_others_are_served()

    goes_on.says(SILENT, NOTICED)
    assert requests.get(f"http://{goes_on.address}:2310/healthz", timeout=5).status_code == 503
    # Docker's own check goes to the project first, hangs there, and runs out of time: one failure, and no second.
    until(lambda: goes_on.inspect("{{.State.Health.Status}}") == "unhealthy", "Docker says so too")
    page.wait_for_function(SHOWN + ".includes('storage does not answer since')")
    goes_on.signal("CONT", "s3fs")
    goes_on.says("the mount answers again")
    assert goes_on.health()["mount"] == "ok"
    page.wait_for_function(SHOWN + " === ''")
    hanging.check_nothing_is_lost()

    # What could not be written is lost, which the exit code says; nobody waits for it until Docker kills.
    stopped.says(SILENT, NOTICED)
    assert stopped.seconds_to_stop() < 8
    kernel.close()
    assert stopped.inspect("{{.State.ExitCode}}") == "1", stopped.logs()


def test_s3fs_that_stands_still_for_too_long(serve: Serve, s3: Server) -> None:
    keys = s3.credentials("melda-test-user", s3.bucket("melda-projects"))
    service = serve(*MOUNT, **bucket_variables(s3, "melda-projects", keys), S3FS_PATIENCE="25").ready()
    with service.notebook.start("python3") as kernel:
        service.signal("STOP", "s3fs")
        kernel.send("open('lost', 'w')")  # hangs, and with it the kernel
        code, lines = service.ended(NOTICED + 10)
        kernel.close()
    assert code == 1
    assert lines.index(SILENT) < lines.index("s3://melda-projects/users/ada: the mount has not answered for 25 s")
    assert "s3fs was killed by signal 9" in lines
    assert float(lines[-1].rpartition("(")[2].split()[0]) < 8, "it ends by itself, quickly"


def test_kernels_outlive_an_s3_that_does_not_answer(serve: Serve, s3: Server) -> None:
    """One container whose project is in use, one that is idle; S3 is gone for longer than the patience with s3fs."""
    keys = s3.credentials("melda-test-user", s3.bucket("melda-projects"))
    used, idle = (
        serve(*MOUNT, **bucket_variables(s3, "melda-projects", keys, name), S3FS_PATIENCE="10") for name in ("a", "b")
    )
    kernel = used.ready().notebook.start("python3")
    idle.ready()
    kernel.run("value = 41")
    s3.refuse()
    kernel.send("open('lost', 'w')")
    used.says(DEAD, NOTICED)
    idle.says(DEAD, 100)  # it is asked once a minute
    assert {service.health()["mount"] for service in (used, idle)} == {"fails: S3 does not answer"}
    s3.answer()
    for service in (used, idle):
        service.says("the mount answers again", 100)
    assert kernel.run("value + 1", timeout=60).results == ["42"]
    kernel.close()
