"""Public keys for ssh, as a variable holds them."""

from __future__ import annotations

from typing import Tuple

from melda.base.addresses import shown
from melda.base.errors import ConfigError
from melda.base.public_keys import problem


def parse(text: str) -> Tuple[str, ...]:
    """Return the keys in ``text``, one a line as in authorized_keys(5), without options; comments are skipped.

    Raises:
        ConfigError: a line is no key; its number and beginning are named.
    """
    lines = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(lines, start=1):
        wrong = problem(line) if line and not line.startswith("#") else ""
        if wrong:
            reason = "invalid SSH_AUTHORIZED_KEYS: expected a public key in each line: line {0}, {1!r}, {2}"
            raise ConfigError(reason.format(number, shown(line)[:40], wrong))
    return tuple(line for line in lines if line and not line.startswith("#"))
