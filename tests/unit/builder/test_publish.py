"""builder/publish.py: what is refused before anything is pushed. The push itself is in tests/container/test_publish.py."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import docker as client
from builder import manifest, publish, settings
from builder.errors import BuildError

GOOD: dict[str, Any] = {"image": "melda:1", "id": "sha256:1", "tags": ["12"], "omitted": [], "revision": "0" * 40}


@pytest.mark.parametrize("name", ["melda", "team/melda", "registry.example.org:5000/a/b__c", "127.0.0.1:5000/melda"])
def test_repositories(name: str) -> None:
    assert settings.repository(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "melda:1", "melda@sha256:" + "0" * 64, "localhost:5000", "Melda", "-v", "a/../b", "/a", "a/", "https://a/b"]
    + ["user:password@registry/a", "a b", "a;b", "a\n", "x" * 256],
)
def test_what_is_no_repository_is_refused(name: str) -> None:
    with pytest.raises(BuildError) as refused:
        settings.repository(name)
    assert str(refused.value).startswith(f"invalid REPOSITORY={name}: expected an image name without a tag")


@given(st.text())
def test_a_repository_is_an_image_reference_too(name: str) -> None:
    try:
        settings.repository(name)
    except BuildError:
        return
    assert settings.REFERENCE.fullmatch(name) and settings.REFERENCE.fullmatch(f"{name}:tag")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"omitted": ["r2u: no answer"]}, " without: r2u: no answer$"),
        ({"revision": "1" * 40 + "-dirty"}, "no commit holds"),
        ({"revision": ""}, "no commit holds .revision unknown."),
    ],
)
def test_strict_publishes_whole_images_of_commits_alone(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], words: str
) -> None:
    monkeypatch.setattr(manifest, "describe", lambda *_: {**GOOD, **changed})
    monkeypatch.setattr(client, "call", lambda *_: pytest.fail("nothing is tagged"))
    monkeypatch.setattr(publish, "_push", lambda *_: pytest.fail("nothing is pushed"))
    with pytest.raises(BuildError, match=f"^STRICT=1 and melda:1 was built.*{words}"):
        publish.publish("docker", "melda:1", "registry.example/melda", strict=True)
    publish.require(GOOD)
