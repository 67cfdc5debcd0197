"""builder/settings.py: the variables of the Makefile, each refused by its name and value."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tasks.settings  # noqa: F401 - takes a third of a second, which hypothesis would count
from builder import settings
from builder.__main__ import parser
from builder.errors import BuildError
from builder.settings import Settings

DIGEST = "@sha256:" + "0" * 64


def chosen(**given: str) -> Settings:
    return settings.check(parser().parse_args(["image", *(f"--{name}={value}" for name, value in given.items())]))


def test_defaults() -> None:
    assert chosen() == Settings("auto", "melda-jupyter:latest", "datascience", "8888", strict=False)


@pytest.mark.parametrize(
    "name", ["melda-jupyter", "melda-jupyter:latest", "registry.example.org:5000/team/melda__jupyter:20.04_R-4.2.2"]
)
def test_image_names(name: str) -> None:
    assert chosen(image=name, base=name).image == name


def test_a_base_may_be_a_digest_and_a_result_not() -> None:
    assert chosen(base="debian" + DIGEST).base == "debian" + DIGEST
    with pytest.raises(BuildError, match="^invalid IMAGE="):
        chosen(image="debian" + DIGEST)


@pytest.mark.parametrize(
    "name",
    ["", "Melda", "melda:", "melda jupyter", "-v", "melda:tag:tag", "a/../b", "a..b", "a___b", "melda;reboot", "a\n"],
)
def test_what_is_no_image_name_is_refused(name: str) -> None:
    with pytest.raises(BuildError, match=rf"^invalid IMAGE={name}: expected an image name such as"):
        chosen(image=name)
    with pytest.raises(
        BuildError, match=rf"^invalid BASE={name}: expected auto, an image reference, or one of debian:"
    ):
        chosen(base=name)


@pytest.mark.parametrize(
    ("image", "base"),
    [
        ("melda-jupyter:latest", "melda-jupyter-base:latest"), ("other", "other-base"), ("h:5000/a/b", "h:5000/a/b-base"),
        ("h:5000/a/b:1.0", "h:5000/a/b-base:1.0"), ("base", "base-base"),
    ],
)  # fmt: skip
def test_the_base_has_a_name_of_its_own(image: str, base: str) -> None:
    assert settings.base_name(image) == base


@pytest.mark.parametrize("name", ["melda-jupyter-base", "melda-jupyter-base:latest", "h:5000/x-base:1"])
def test_the_result_does_not_replace_its_base(name: str) -> None:
    with pytest.raises(BuildError, match=rf"^invalid IMAGE={name}: expected a name without -base at its end"):
        chosen(image=name)


@given(st.text(st.characters(codec="utf-8")).filter(lambda text: text not in settings.PACKAGES))
def test_unknown_packages_are_refused(packages: str) -> None:
    with pytest.raises(BuildError) as refused:
        chosen(packages=packages)
    assert str(refused.value) == f"invalid PACKAGES={packages}: expected none, core or datascience"


def test_a_port_is_written_as_docker_writes_it() -> None:
    """With PORT=08888 a second `make up` took its own container for somebody else's."""
    assert chosen(port="08888").port == "8888"


@pytest.mark.parametrize("port", ["0", "65536", "http", "", "-1", "80 80", "８８８８", "0x50", "1" * 5000])
def test_what_is_no_port(port: str) -> None:
    with pytest.raises(BuildError, match=rf"^invalid PORT={port}: expected a number from 1 to 65535$"):
        chosen(port=port)


@pytest.mark.parametrize(("value", "strict"), [("", False), ("0", False), ("1", True)])
def test_strict(value: str, strict: bool) -> None:
    assert chosen(strict=value).strict is strict


@pytest.mark.parametrize("value", ["yes", "no", "false", "2"])
def test_strict_is_nothing_else(value: str) -> None:
    with pytest.raises(BuildError, match=rf"^invalid STRICT={value}: expected 1, or 0 or empty$"):
        chosen(strict=value)


def test_platforms(tmp_path: Path) -> None:
    assert chosen(platform="linux/arm64").platform == "linux/arm64"
    with pytest.raises(BuildError, match=r"^invalid PLATFORM=arm64: expected empty, linux/amd64 or linux/arm64$"):
        chosen(platform="arm64")
    (tmp_path / settings.MANIFEST).touch()
    with pytest.raises(
        BuildError, match=r"^invalid PLATFORM=linux/arm64: expected empty, a mirror is of the build host"
    ):
        chosen(platform="linux/arm64", mirror=str(tmp_path))
    with pytest.raises(
        BuildError, match=r"^invalid PLATFORM=linux/arm64: expected empty, a mirror is of the build host"
    ):
        settings.check(parser().parse_args(["mirror", "--platform=linux/arm64"]))


def test_strict_by_hand() -> None:
    assert settings.check(parser().parse_args(["image", "--strict"])).strict


@given(st.text(min_size=1))
def test_no_value_can_be_an_option_or_hold_a_space(name: str) -> None:
    """Whatever is accepted goes into docker's arguments."""
    try:
        base = chosen(base=name).base
    except BuildError:
        return
    assert re.fullmatch(r"[A-Za-z0-9][\w.:/@-]*", base, re.ASCII)


@pytest.mark.parametrize(("value", "shown"), [("", False), ("0", False), ("1", True)])
def test_verbose(value: str, shown: bool) -> None:
    assert settings.verbose(value) == shown
    with pytest.raises(BuildError, match="^invalid VERBOSE=yes: expected 1, or 0 or empty$"):
        settings.verbose("yes")


@pytest.mark.parametrize(
    "given", ["", "PACKAGES DATA", "BUCKET_NAME DOCKER_HOST http_proxy MELDA_TEST_IMAGE HTTPS_PROXY"]
)
def test_variables_that_somebody_reads(given: str) -> None:
    settings.check_names(given, ["BUCKET_NAME"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("PACKAGE", "invalid variable 'PACKAGE': expected one of BASE, .*, or the container's, perhaps PACKAGES"),
        ("STRICT TAG", "invalid variable 'TAG': expected one of BASE, .*, PYTHON, or the container's"),
        ("BUCKETNAME", "invalid variable 'BUCKETNAME': .*, perhaps BUCKET_NAME"),
        ("VENV", "invalid variable 'VENV': .*"),
        ("packages", "invalid variable 'packages': .*, perhaps PACKAGES"),
    ],
)
def test_a_variable_that_nobody_reads_is_refused(given: str, words: str) -> None:
    """make takes every name, and the build went on as if it had not been given."""
    with pytest.raises(BuildError) as refused:
        settings.check_names(given, ["BUCKET_NAME"])
    assert re.fullmatch(words, str(refused.value))
