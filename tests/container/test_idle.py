"""A container that nobody uses ends with a code of its own; one that computes in silence does not. What /activity knows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from tests.fakes.s3 import Server

from .machines import until
from .services import BUCKET, MOUNT, Service, bucket_variables

Serve = Callable[..., Service]


def activity(service: Service) -> dict[str, Any]:
    headers = {"Authorization": f"token {service.token}"}
    found: dict[str, Any] = requests.get(f"http://{service.address}:2310/activity", headers=headers, timeout=30).json()
    return found


def test_a_silent_cell_keeps_a_container_that_ends_when_it_is_over(serve: Serve, s3: Server) -> None:
    project = bucket_variables(s3, BUCKET, s3.credentials("ada", s3.bucket(BUCKET)))
    service = serve(*MOUNT, IDLE_SECONDS="10", **project).ready()
    with service.notebook.start("python3") as kernel:
        # It neither computes nor prints, and lasts longer than IDLE_SECONDS.
        kernel.send(
            "import os, time\nwhile not os.path.exists('/tmp/enough'): time.sleep(0.1)\nopen('made', 'w').write('1')"
        )
        # Its start computes, too.
        until(lambda: activity(service)["active"] == ["a kernel is busy"], "the kernel is known to be busy", 60)
        began, found = time.monotonic(), activity(service)
        assert (found["kernels"], found["busy_kernels"], found["idle_seconds"]) == (1, 1, 0.0), found
        # A good part of a processor, and not all of it.
        computes = "import os, time\nwhile not os.path.exists('/tmp/seen'): sum(range(500_000)); time.sleep(0.05)"
        service.run(f'timeout 60 python3 -c "{computes}" >/dev/null 2>&1 & echo', user="melda")
        until(lambda: "a process computes" in activity(service)["active"], "a program of the user's is seen", 30)
        service.run("touch /tmp/seen")
        for path in ("activity", "metrics"):
            assert requests.get(f"http://{service.address}:2310/{path}", timeout=30).status_code == 403
        metrics = requests.get(f"http://{service.address}:2310/metrics?token={service.token}", timeout=30).text
        for line in (
            'melda_kernels{state="busy"} 1.0',
            "melda_mount_ok 1.0",
            "melda_mount_seconds 0.",
            "melda_start_seconds ",
        ):
            assert line in metrics, metrics
        # Longer than IDLE_SECONDS, and then a few turns of who looks.
        until(lambda: time.monotonic() > began + 16, "time goes by")
        until(lambda: activity(service)["active"] == ["a kernel is busy"], "the program is over", 30)
        service.run("touch /tmp/enough")
        until(lambda: activity(service)["busy_kernels"] == 0, "the cell is over")
    code, lines = service.ended(90)
    assert code == 79, lines
    assert any("the container ends, as IDLE_SECONDS=10 asks" in line for line in lines)
    assert s3.client().get_object(Bucket=BUCKET, Key="users/ada/made")["Body"].read() == b"1"
