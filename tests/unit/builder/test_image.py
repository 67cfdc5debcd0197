"""builder/image.py and builder/connector.py: settings that are refused, labels, and what a Dockerfile says of an image."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import connector, image
from builder.errors import Refused


@pytest.mark.parametrize(
    "name", ["melda-jupyter", "melda-jupyter:latest", "registry.example.org:5000/team/melda-jupyter:20.04_R-4.2.2"]
)
def test_image_names(name: str) -> None:
    image.check(name, "core", "auto")


@pytest.mark.parametrize(
    "name", ["", "Melda", "melda:", "melda jupyter", "-v", "melda:tag:tag", "a/../b", "melda;reboot"]
)
def test_what_is_no_image_name_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=rf"^IMAGE={name} is not right: it must be an image name such as"):
        image.check(name, "core", "auto")
    if name:
        with pytest.raises(Refused, match=rf"^BASE={name} is not right"):
            image.check("melda", "core", name)


@given(st.text(st.characters(codec="utf-8")).filter(lambda text: text not in image.PACKAGES))
def test_unknown_packages_are_refused(packages: str) -> None:
    with pytest.raises(Refused) as refused:
        image.check("melda-jupyter", packages, "auto")
    assert str(refused.value) == f"PACKAGES={packages} is not right: it must be none, core or datascience"


def test_labels_name_what_was_left_out() -> None:
    labels = image.labels("debian:bookworm", ["bspm: CRAN does not answer", "r2u: does not answer"])
    assert labels["io.melda.omitted"] == "bspm: CRAN does not answer; r2u: does not answer"
    assert labels["org.opencontainers.image.base.name"] == "debian:bookworm"
    assert image.labels("x", [])["io.melda.omitted"] == ""


def test_instructions_of_a_dockerfile() -> None:
    text = (
        '# ENV no=1\nARG BASE\nFROM x\nENV a=1 \\\n    b=2\nRUN true \\\n    ENV\nWORKDIR /w\nEXPOSE 1 2\nCMD ["x"]\n'
    )
    assert connector.instructions(text) == ["ENV a=1 b=2", "WORKDIR /w", "EXPOSE 1 2", 'CMD ["x"]']
