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


class LocaleCharset(FactBase[str]):
    """The character set that programs have with a locale; only a locale that works has UTF-8.

    pyinfra's Locales lists what an archive names that was cut off, too.
    """

    def command(self, locale: str) -> str:
        return f"LC_ALL={locale} locale charmap 2>/dev/null || true"

    default = str

    def process(self, output: List[str]) -> str:
        return "".join(output)
