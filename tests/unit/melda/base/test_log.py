"""A line of the log: moment, level and words for people; an object for programs."""

from __future__ import annotations

import datetime
import importlib
import json
import re

import pytest
from melda.base import log
from melda.base.errors import ConfigError
from melda.config import log_format


@pytest.fixture
def stamped() -> None:
    """As it is; the other tests leave the moment out."""
    importlib.reload(log)


@pytest.mark.usefixtures("stamped")
def test_a_line_has_its_moment_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    log.line("one")
    log.warn("two")
    log.error("three")
    found = re.findall(r"^(\S+)Z (info|warning|error) start-jupyter: (.*)$", capsys.readouterr().err, re.MULTILINE)
    assert [words[1:] for words in found] == [("info", "one"), ("warning", "two"), ("error", "three")]
    for moment, *_ in found:
        at = datetime.datetime.fromisoformat(moment + "+00:00")
        assert abs((datetime.datetime.now(datetime.timezone.utc) - at).total_seconds()) < 60


@pytest.mark.usefixtures("stamped")
def test_a_hosts_journal_has_both_itself(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "PREFIX", "")
    log.warn("one")
    assert capsys.readouterr().err == "one\n"


def objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_object_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("LOG_FORMAT", "json"), ("BUCKET_NAME", "projects"), ("PROJECT_FOLDER", "/users/ada/")):
        monkeypatch.setenv(name, value)
    with log.step("mount") as details:
        details.append("there")
    log.error('a\nb "c" \udcff é')
    log.warn("plugins: not saved")
    mount, odd, plugins = objects(capsys)
    assert mount.pop("time") and isinstance(mount.pop("seconds"), float)
    assert mount == {
        "level": "info", "step": "mount", "project": "s3://projects/users/ada", "message": "mount: there (0.00 s)",
    }  # fmt: skip
    assert (odd["level"], odd["step"], odd["seconds"], odd["message"]) == ("error", None, None, 'a\\nb "c" \\udcff é')
    assert (plugins["level"], plugins["step"]) == ("warning", "plugins")
    monkeypatch.delenv("BUCKET_NAME")
    log.line("x")
    assert objects(capsys)[0]["project"] is None


@pytest.mark.parametrize("value", ["", "text", "json"])
def test_formats(value: str) -> None:
    log_format.check(value)


@pytest.mark.parametrize("value", ["JSON", "yaml", " json"])
def test_what_is_no_format(value: str) -> None:
    with pytest.raises(ConfigError, match="^invalid LOG_FORMAT=.*: expected one of text, json$"):
        log_format.check(value)
