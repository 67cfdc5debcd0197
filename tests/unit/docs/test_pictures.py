"""Pictures that are drawn: read on a light page and on a dark one, whichever of the two the system prefers."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs.tools.links import tracked

NS = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("picture", tracked("*.svg"), ids=lambda picture: picture.stem)
def test_a_picture_brings_its_own_background(picture: Path) -> None:
    """A page's theme need not be the system's, by which a picture chooses its colours."""
    root = ElementTree.fromstring(picture.read_text())
    width, height = root.attrib["width"], root.attrib["height"]
    assert root.attrib["viewBox"] == f"0 0 {width} {height}"
    first = next(root.iter(f"{NS}rect"))
    assert first.attrib == {"class": "page", "width": width, "height": height}
    style = root.findtext(f"{NS}style") or ""
    light, asked, dark = style.partition("@media (prefers-color-scheme: dark)")
    assert asked and all(".page { fill: #" in part and "text" in part for part in (light, dark))


@pytest.mark.parametrize("picture", tracked("*.svg"), ids=lambda picture: picture.stem)
def test_a_picture_says_what_it_shows_and_fetches_nothing(picture: Path) -> None:
    text = picture.read_text()
    assert (ElementTree.fromstring(text).findtext(f"{NS}title") or "").strip()
    assert "href" not in text and "<script" not in text and "url(h" not in text and "@import" not in text
