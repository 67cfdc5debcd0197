"""What is said of an image that pyinfra commits."""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra import logger
from pyinfra.api.state import StateStage

from builder.__main__ import parser
from builder.overrides import parse
from tasks.lib.nameless_image import NamelessImage, command


class Host:
    """By its name, as pyinfra's are."""

    name = "@docker/debian:bookworm"


HOST = Host()
COMMITTED = "[@docker/debian:bookworm] docker build complete, image ID: \x1b[1m0123456789ab\x1b[0m"


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Any:
    """``said(whole, stage, failed)``: the lines after pyinfra's own."""

    def run(whole: bool, stage: StateStage = StateStage.Disconnect, failed: bool = False, line: str = COMMITTED) -> str:
        found = NamelessImage()
        found.whole = whole
        logger.addHandler(found)
        inventory = SimpleNamespace(get_override_data=lambda: {"packages": "core"})
        state = SimpleNamespace(current_stage=stage, failed_hosts={HOST} if failed else set(), inventory=inventory)
        try:
            with caplog.at_level("INFO", "pyinfra"):
                logger.info(line)
                caplog.clear()
                found.host_disconnect(state, HOST)
        finally:
            logger.removeHandler(found)
        return "\n".join(record.getMessage() for record in caplog.records)

    return run


def test_a_whole_run_says_what_lacks_and_the_command(said: Any) -> None:
    text = said(True)
    assert "Image 0123456789ab holds all that the deploy installs. It lacks a name, ENV, WORKDIR, HEALTHCHECK" in text
    assert "0123456789ab start-jupyter" in text
    assert text.endswith("make connector BASE=0123456789ab IMAGE=melda-jupyter:latest PACKAGES=core")


@pytest.mark.parametrize(
    ("whole", "stage", "failed", "words"),
    [
        (True, StateStage.Prepare, False, "unfinished"),  # --dry, an aborted prompt, a refused setting
        (True, StateStage.Execute, False, "unfinished"),  # Ctrl-C
        (True, StateStage.Disconnect, True, "unfinished"),
        (False, StateStage.Disconnect, False, "one task's work"),
    ],
)
def test_what_else_is_left_is_said_with_its_end(
    said: Any, whole: bool, stage: StateStage, failed: bool, words: str
) -> None:
    text = said(whole, stage, failed)
    assert "Image 0123456789ab has no name, and it" in text and words in text
    assert text.endswith("docker image rm 0123456789ab")


def test_a_container_that_runs_on_has_none(said: Any) -> None:
    assert (
        said(True, line="[@docker/debian:bookworm] docker build complete, container left running: 0123456789ab") == ""
    )


def test_the_command_is_one_that_make_takes() -> None:
    given = {
        "packages": "none", "strict": True, "username": "jo", "uid": 1002, "ca_bundle": "/x", "_sudo": True,
        "http_proxy": "http://jo:hush@p",
    }  # fmt: skip
    text = command("0123456789ab", given)
    assert "hush" not in text
    target, *words = shlex.split(text)[1:]
    options = [f"--{name.lower()}={value}" for name, _, value in (word.partition("=") for word in words)]
    arguments = parser().parse_args([target, *options])
    assert (arguments.base, arguments.packages, arguments.strict) == ("0123456789ab", "none", "1")
    assert parse(arguments.data) == {"username": "jo", "uid": "1002"}
    assert "STRICT" not in command("x", {"strict": False})
