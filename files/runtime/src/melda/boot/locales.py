"""The locale that a container was asked for is generated at its first start; the image has one."""

from __future__ import annotations

import locale
import re
import subprocess
from typing import Mapping

from melda.base import log, textfiles
from melda.base.addresses import shown
from melda.base.paths import ENVIRONMENT
from melda.config import environ
from melda.config.environ import Settings

NAME = re.compile(r"([a-z]{2,3}_[A-Z]{2}(?:@[a-z]+)?)\.(?:UTF-8|utf8)")
SECONDS = 60.0  # localedef takes one or two
ALWAYS = ("C", "POSIX", "C.UTF-8")


def asked_for(variables: Mapping[str, str], image: Mapping[str, str]) -> str:
    """Return the locale that counts. ``LC_ALL`` of the image does not stand above a ``LANG`` that somebody has set."""
    lang, everything = variables.get("LANG", ""), variables.get("LC_ALL", "")
    return lang if lang != image.get("LANG") and everything == image.get("LC_ALL") else everything or lang


def _is_there(name: str) -> bool:
    try:
        locale.setlocale(locale.LC_CTYPE, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_CTYPE, "C")
    return True


def _generate(settings: Settings, name: str) -> str:
    """Empty if it was done, else what went wrong."""
    found = NAME.fullmatch(name)
    if not found:
        return "it is none"
    command = ["localedef", "-i", found.group(1), "-f", "UTF-8", found.group(1) + ".UTF-8"]
    try:
        done = subprocess.run(
            command, env=environ.for_root(settings), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return (
        " ".join(done.stdout.decode("utf-8", "replace").split())[:200] or "it does not exist" if done.returncode else ""
    )


def prepare(settings: Settings, file: str = ENVIRONMENT) -> Settings:
    """Generate the locale if it is not there. What cannot be had costs itself alone: the image's is used, and the log says so."""
    image = environ.parse(textfiles.read(file))
    name = asked_for(settings.variables, image)
    if name and name not in ALWAYS and not _is_there(name):
        with log.step("locale") as details:
            problem = _generate(settings, name)
            usual = image.get("LANG", "C.UTF-8")
            right = "a UTF-8 locale such as de_DE.UTF-8"
            details.append(
                f"invalid LANG={shown(name)!r}: expected {right} ({problem}), {usual} is used"
                if problem
                else f"{name} generated"
            )
            name = usual if problem else name
    return settings._replace(variables={**settings.variables, "LANG": name, "LC_ALL": name}) if name else settings
