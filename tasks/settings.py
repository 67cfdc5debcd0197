"""All settings are checked before anything is changed."""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict, List, NamedTuple

from pyinfra import host, logger, state
from pyinfra.api import DeployError
from pyinfra.facts.deb import DebArch
from pyinfra.facts.files import Directory
from pyinfra.facts.server import OsRelease

from tasks import certificates
from tasks.facts.server import Account
from tasks.lib import summary
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ROOT
from tasks.lib.release import target


class Rule(NamedTuple):
    """What a setting must be: a test, and the words that say what would be right."""

    accepts: Callable[[Any], bool]
    right: str


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _path(not_below: str) -> Rule:
    """Return an absolute path, at least two folders deep, that does not lie in one of these folders of the root."""
    part = "[A-Za-z0-9_][A-Za-z0-9._-]*"
    return Rule(
        _matches(f"/(?!({not_below})/){part}(/{part})+"),
        "an absolute path such as /opt/jupyter of letters, digits, '.', '_' and '-', not below /"
        + not_below.replace("|", " /"),
    )


def _file(value: Any) -> bool:
    # os.path, because pathlib raises an error for a name that is too long.
    return isinstance(value, str) and os.path.isfile(value)


def _certificates(value: Any) -> bool:
    if value == "" or not _file(value):
        return bool(value == "")
    with open(value, "rb") as bundle:
        return bool(certificates.split(bundle.read()))


# What these hold is gone when a container starts again, or open to everybody.
_VOLATILE = "dev|proc|run|sys|tmp"
# It is given to the user, whole.
_HOME = _path(_VOLATILE + "|bin|boot|etc|lib|lib32|lib64|libx32|root|sbin|usr|var")
_PATH = _path(_VOLATILE)
_URL = Rule(_matches(r"https?://[A-Za-z0-9.\[\]:-]+(/[A-Za-z0-9._~/%-]*)?"), "an http(s) URL without a password")
_URL_OR_NONE = Rule(lambda value: value == "" or _URL.accepts(value), _URL.right + " (netrc has it), or empty")
# What a shell, apt and pip's configuration take as it is.
_PROXY = Rule(
    _matches(r"|http://([A-Za-z0-9._~%!$&*+,;=:-]+@)?[A-Za-z0-9.\[\]:-]+/?"),
    "http://[USER:PASSWORD@]HOST:PORT, or empty",
)
_SWITCH = Rule(lambda value: isinstance(value, bool), "true or false")
_KEY_TYPES = (
    "ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh.com|sk-ecdsa-sha2-nistp256@openssh.com"
)

_PUBLIC_KEY = _matches(rf"|({_KEY_TYPES}) [A-Za-z0-9+/]{{60,}}={{0,2}}( .*)?")

RULES: Dict[str, Rule] = {
    "packages": Rule(lambda value: value in ("none", "core", "datascience"), "none, core or datascience"),
    "fonts": _SWITCH,
    "strict": _SWITCH,
    "jupyterhub": _SWITCH,
    "username": Rule(_matches(r"[a-z][a-z0-9_-]{0,31}"), "a lower-case user name of at most 32 characters"),
    "uid": Rule(_whole(1000, 59999), "a whole number from 1000 to 59999 (Debian's range for users)"),
    "uhome": _HOME,
    "jupyter_workdir": _HOME,
    "src": _PATH,
    "python_env": _PATH,
    "locale": Rule(_matches(r"([a-z]{2,3}(_[A-Z]{2})?|C)\.UTF-8"), "a UTF-8 locale such as en_US.UTF-8"),
    "apt_mirror": _URL_OR_NONE,
    "apt_security_mirror": _URL_OR_NONE,
    "apt_proxy": Rule(_matches(r"|http://[A-Za-z0-9.\[\]:-]+/?"), "http://HOST:PORT without a password, or empty"),
    "pypi_index": _URL_OR_NONE,
    "http_proxy": _PROXY,
    "https_proxy": _PROXY,
    "no_proxy": Rule(_matches(r"[A-Za-z0-9.,:/*\[\] _-]*"), "names and networks, comma-separated, or empty"),
    "netrc": Rule(lambda value: value == "" or _file(value), "the path of a netrc file, or empty"),
    "mirror": Rule(_matches(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)*"), "an absolute path on the target, or empty"),
    "cran_mirror": _URL,
    "r2u_mirror": _URL,
    "r2u_key": Rule(
        lambda value: isinstance(value, str) and _file(os.path.join(str(ROOT), "files", value)),
        "the path of a key file, absolute or below files/",
    ),
    "r2u_fingerprint": Rule(_matches("[0-9A-F]{40}"), "40 hexadecimal digits in capitals"),
    "r2u_suite": Rule(_matches("[a-z]*"), "a suite's name, or empty for the one of the release table"),
    "r_mirror": _URL,
    "r_key": Rule(lambda value: value == "" or _file(value), "the path of a key file, or empty"),
    "ca_bundle": Rule(lambda value: value == "" or _file(value), "the path of a PEM file, or empty"),
    "ca_certificates": Rule(_certificates, "the path of a PEM file with certificates, or empty"),
    "ssh_public_key": Rule(
        lambda value: _PUBLIC_KEY(value) and value.isprintable(),
        "one public key as in authorized_keys, or empty",
    ),
    "apt_cache_time": Rule(_whole(0, 365 * 86400), "a number of seconds from 0 to a year"),
    "dpkg_unsafe_io": _SWITCH,
    "apt_keep_archives": _SWITCH,
}


def problems(settings: Dict[str, Any]) -> List[str]:
    """Return one line for each setting that is invalid: its name, its value, what would be right."""
    found = []
    for name, rule in RULES.items():
        value = settings.get(name)
        if not rule.accepts(value):
            # A URL is refused for a password in it, which must not get into a log.
            shown = repr(value)
            if name.endswith(("_mirror", "_proxy", "_index")):
                shown = re.sub(r"^(['\"])(\w+://)?.+@", r"\1\2***@", shown)
            found.append(f"invalid {name}={shown}: expected {rule.right}")
    if found:
        return found
    home = settings["uhome"]
    for name, inside in (("jupyter_workdir", True), ("src", False), ("python_env", False)):
        if (settings[name] + "/").startswith(home + "/") != inside or settings[name] == home:
            # What root runs must not lie where the user may write.
            place = "below" if inside else "outside"
            found.append(f"invalid {name}={settings[name]!r}: expected a path {place} uhome={home!r}")
    return found


def check() -> None:
    """Refuse this host if a setting is wrong or the release has no row, before anything changes.

    Raises:
        DeployError: one line that names the first wrong setting.
    """
    found = problems({name: host.data.get(name) for name in RULES})
    if found:
        raise DeployError(found[0])
    # One question for what is to be known before anything is changed.
    prefetch(OsRelease)
    prefetch(DebArch)
    prefetch(Account, username=host.data.username, uid=host.data.uid)
    prefetch(Directory, path=host.data.uhome)
    target()


def accepted() -> bool:
    """Is all right for this host? If not the run skips it, and counts as failed; the others go on.

    Raises:
        DeployError: it is not, and there is no other host.
    """
    try:
        check()
    except DeployError as error:
        this = state.inventory.get_host(host.name)  # not the context's stand-in for it
        # pyinfra ends the run of all hosts for one that cannot be prepared.
        if not state.active_hosts - {this}:
            raise
        logger.error(f"{host.print_prefix}{error}")
        summary.refused(str(error))
        state.fail_hosts({this})
        return False
    return True
