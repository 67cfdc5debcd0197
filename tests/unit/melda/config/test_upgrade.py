"""UPGRADE is checked before anything is started."""

from __future__ import annotations

import pytest
from melda.base.errors import ConfigError
from melda.config import upgrade


@pytest.mark.parametrize(("given", "mode"), [({}, "auto"), ({"UPGRADE": ""}, "auto"), ({"UPGRADE": "ask"}, "ask"),
                                             ({"UPGRADE": "off"}, "off")])  # fmt: skip
def test_a_mode(given: dict[str, str], mode: str) -> None:
    assert upgrade.mode(given) == mode


@pytest.mark.parametrize("value", ["yes", "AUTO", "1", " auto", "auto\n"])
def test_no_mode(value: str) -> None:
    with pytest.raises(ConfigError) as error:
        upgrade.mode({"UPGRADE": value})
    assert str(error.value) == f"invalid UPGRADE={value!r}: expected one of auto, ask, off"
