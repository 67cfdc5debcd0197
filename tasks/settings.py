"""All settings are checked before anything is changed."""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, List, NamedTuple

from pyinfra import host
from pyinfra.api import DeployError

from tasks.lib.files import ROOT
from tasks.lib.release import target


class Rule(NamedTuple):
    """What a setting must be: a test, and the words that say what would be right."""

    accepts: Callable[[Any], bool]
    right: str


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


_PATH = Rule(_matches(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+"), "an absolute path of letters, digits, '.', '_' and '-'")
_URL = Rule(_matches(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~/%-]*)?"), "an http(s) URL without a password")
_SWITCH = Rule(lambda value: isinstance(value, bool), "true or false")
_KEY_TYPES = (
    "ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh.com|sk-ecdsa-sha2-nistp256@openssh.com"
)

RULES: Dict[str, Rule] = {
    "packages": Rule(lambda value: value in ("none", "core", "datascience"), "none, core or datascience"),
    "strict": _SWITCH,
    "username": Rule(_matches(r"[a-z][a-z0-9_-]{0,31}"), "a lower-case user name of at most 32 characters"),
    "uid": Rule(_whole(1000, 59999), "a whole number from 1000 to 59999 (Debian's range for users)"),
    "uhome": _PATH,
    "jupyter_workdir": _PATH,
    "src": _PATH,
    "python_env": _PATH,
    "locale": Rule(_matches(r"([a-z]{2,3}(_[A-Z]{2})?|C)\.UTF-8"), "a UTF-8 locale such as en_US.UTF-8"),
    "cran_mirror": _URL,
    "r2u_mirror": _URL,
    "r2u_key": Rule(
        lambda value: isinstance(value, str) and (ROOT / "files" / value).is_file(),
        "the path of a key file, absolute or below files/",
    ),
    "r2u_fingerprint": Rule(_matches("[0-9A-F]{40}"), "40 hexadecimal digits in capitals"),
    "r2u_suite": Rule(_matches("[a-z]*"), "a suite's name, or empty for the one of the release table"),
    "r_mirror": _URL,
    "r_key": Rule(
        lambda value: value == "" or (isinstance(value, str) and os.path.isfile(value)),
        "the path of a key file, or empty",
    ),
    "ca_bundle": Rule(
        lambda value: value == "" or (isinstance(value, str) and os.path.isfile(value)),
        "the path of a PEM file, or empty",
    ),
    "ssh_public_key": Rule(
        _matches(r"|({0}) [A-Za-z0-9+/]{{60,}}={{0,2}}( [^\n]*)?".format(_KEY_TYPES)),
        "one public key as in authorized_keys, or empty",
    ),
    "apt_cache_time": Rule(_whole(0, 365 * 86400), "a number of seconds from 0 to a year"),
    "dpkg_unsafe_io": _SWITCH,
    "apt_keep_archives": _SWITCH,
}


def problems(settings: Dict[str, Any]) -> List[str]:
    """One line for each setting that is not right: its name, its value, what would be right."""
    found = []
    for name, rule in RULES.items():
        value = settings.get(name)
        if not rule.accepts(value):
            found.append("{0}={1!r} is not right: it must be {2}".format(name, value, rule.right))
    workdir, home = str(settings.get("jupyter_workdir")), str(settings.get("uhome"))
    if not found and not workdir.startswith(home + "/"):
        found.append("jupyter_workdir={0!r} is not right: it must lie below uhome={1!r}".format(workdir, home))
    return found


def check() -> None:
    """Refuse the run if a setting is wrong or the release has no row, before anything changes.

    Raises:
        DeployError: one line that names the first wrong setting.
    """
    found = problems({name: host.data.get(name) for name in RULES})
    if found:
        raise DeployError(found[0])
    target()
