"""Which locales a target can have."""

from __future__ import annotations

from typing import List

from pyinfra.api import FactBase

FOLDER = "/usr/share/i18n/locales"


class LocaleSource(FactBase[str]):
    """``found``, ``missing``, or nothing where the package with the locales' definitions is not installed yet.

    pyinfra's Locales lists what has been generated.
    """

    def command(self, locale: str) -> str:
        return f"if [ -f {FOLDER}/{locale} ]; then echo found; elif [ -f {FOLDER}/en_US ]; then echo missing; else true; fi"

    default = str

    def process(self, output: List[str]) -> str:
        return "".join(output)
