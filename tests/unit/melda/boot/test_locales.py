"""The locale of a container: the image's, or the one that was asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from melda.boot import locales
from melda.config.environ import Settings

IMAGE = {"LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8"}


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ({}, "en_US.UTF-8"),
        ({"LANG": "de_DE.UTF-8"}, "de_DE.UTF-8"),  # docker run --env LANG=: the image's LC_ALL is not the user's word
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "fr_FR.UTF-8"}, "fr_FR.UTF-8"),
        ({"LC_ALL": "fr_FR.UTF-8"}, "fr_FR.UTF-8"),
        ({"LC_ALL": ""}, "en_US.UTF-8"),
    ],
)
def test_which_one_counts(given: dict[str, str], counts: str) -> None:
    assert locales.asked_for({**IMAGE, **given}, IMAGE) == counts


@pytest.fixture
def image(tmp_path: Path) -> str:
    """What the image sets."""
    path = tmp_path / "environment"
    path.write_text("".join(f"{name}={value}\n" for name, value in IMAGE.items()))
    return str(path)


def prepared(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, image: str, lang: str, there: bool, result: Any = None
) -> tuple[str, list[str]]:
    """The locale that is used, and localedef's arguments."""
    called: list[str] = []

    def run(command: list[str], **_: Any) -> Any:
        called.extend(command)
        if isinstance(result, Exception):
            raise result
        return subprocess.CompletedProcess(command, *result)

    monkeypatch.setattr(locales, "_is_there", lambda _: there)
    monkeypatch.setattr(locales.subprocess, "run", run)
    done = locales.prepare(settings._replace(variables={**IMAGE, "LANG": lang}), image)
    assert done.variables["LANG"] == done.variables["LC_ALL"]
    return done.variables["LANG"], called


@pytest.mark.parametrize("lang", ["C.UTF-8", "POSIX"])
def test_what_every_image_has(monkeypatch: pytest.MonkeyPatch, settings: Settings, image: str, lang: str) -> None:
    assert prepared(monkeypatch, settings, image, lang, there=False) == (lang, [])


def test_one_that_is_there_is_used(monkeypatch: pytest.MonkeyPatch, settings: Settings, image: str) -> None:
    assert prepared(monkeypatch, settings, image, "de_DE.UTF-8", there=True) == ("de_DE.UTF-8", [])


def test_one_that_is_missing_is_generated(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    used, called = prepared(monkeypatch, settings, image, "de_DE.UTF-8", False, (0, b""))
    assert (used, called) == ("de_DE.UTF-8", ["localedef", "-i", "de_DE", "-f", "UTF-8", "de_DE.UTF-8"])
    assert "locale: de_DE.UTF-8 generated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lang", "result", "reason"),
    [
        ("de_DE.UTF-8;reboot", None, "it is none"),
        ("-i.UTF-8", None, "it is none"),
        ("de_DE.ISO-8859-1", None, "it is none"),
        ("xx_XX.UTF-8", (4, b"cannot open locale\ndefinition file"), "cannot open locale definition file"),
        ("de_DE.UTF-8", (4, b""), "it does not exist"),
        ("de_DE.UTF-8", FileNotFoundError("no localedef"), "no localedef"),
    ],
)
def test_what_cannot_be_had_costs_itself_alone(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, image: str, capsys: pytest.CaptureFixture[str],
    lang: str, result: Any, reason: str,
) -> None:  # fmt: skip
    assert prepared(monkeypatch, settings, image, lang, False, result)[0] == "en_US.UTF-8"
    expected = f"invalid LANG={lang!r}: expected a UTF-8 locale such as de_DE.UTF-8 ({reason}), en_US.UTF-8 is used"
    assert expected in capsys.readouterr().err
