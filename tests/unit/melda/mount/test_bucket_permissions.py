"""Rights in a bucket: each is tried, within the folder and beyond, and nothing stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from melda.base.errors import TemporaryFailure
from melda.config.bucket import Bucket
from melda.mount import bucket_permissions

from tests.fakes.background import Background
from tests.unit.melda.mount.test_s3 import Service


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    with Background(service.server):
        yield service


def denied() -> tuple[int, bytes]:
    return 403, b"<Error><Code>AccessDenied</Code></Error>"


def test_what_is_put_is_removed(service: Service, project: Bucket) -> None:
    found = tuple(bucket_permissions.look(project._replace(endpoint=service.url)))
    assert (
        bucket_permissions.granted(found, beyond=False)
        == bucket_permissions.granted(found, beyond=True)
        == ("list", "put", "delete")
    )
    put = [line.split("/", 2)[2] for line in service.asked if line.startswith("PUT")]
    assert [line.split("/", 2)[2] for line in service.asked if line.startswith("DELETE")] == put
    assert put[0].startswith("users/ada/" + bucket_permissions.NAME) and put[1].startswith(bucket_permissions.NAME)


def test_each_right_that_is_refused_is_named(service: Service, project: Bucket) -> None:
    service.answers = lambda method, path: denied() if method == "DELETE" or "users" not in path else (200, b"")
    found = tuple(bucket_permissions.look(project._replace(endpoint=service.url)))
    assert (
        bucket_permissions.granted(found, beyond=False) == ("list", "put")
        and bucket_permissions.granted(found, beyond=True) == ()
    )
    (deleted,) = (right for right in found if right.name == "delete" and not right.beyond)
    assert "these credentials may not DeleteObject in s3://bucket/users/ada" in deleted.refused
    assert f"users/ada/{bucket_permissions.NAME}" in deleted.refused and "stays in the bucket" in deleted.refused


def test_a_service_that_does_not_answer_is_no_right_refused(project: Bucket) -> None:
    with pytest.raises(TemporaryFailure):
        tuple(bucket_permissions.look(project))


def test_the_clock_is_compared_with_the_services(
    service: Service, project: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = project._replace(endpoint=service.url)
    assert abs(bucket_permissions.clock_skew(there) or 99) < 10
    monkeypatch.setattr(bucket_permissions, "time", SimpleNamespace(time=lambda: time.time() + 1000))
    assert 990 < (bucket_permissions.clock_skew(there) or 0) < 1010
