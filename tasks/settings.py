"""All settings are checked before anything is changed, by the whole deploy as by one task alone."""

from __future__ import annotations

import difflib
import itertools
import os
import re
from functools import wraps
from locale import locale_alias
from types import ModuleType
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Set
from weakref import WeakKeyDictionary

import pyinfra.api
from melda.base import addresses, paths, public_keys
from pyinfra import host, logger, state
from pyinfra.api import DeployError, Host
from pyinfra.api.connectors import get_all_connectors
from pyinfra.facts.deb import DebArch
from pyinfra.facts.files import Directory
from pyinfra.facts.server import Command, Locales, OsRelease

from tasks.facts.server import Account, AccountRights, Unwritable
from tasks.facts.variables import ImageVariables
from tasks.lib import given_files, identity, nameless_image, summary, target_python
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ROOT
from tasks.lib.release import target


class Rule(NamedTuple):
    """What a setting must be: a test, and the words that say what would be right."""

    accepts: Callable[[Any], bool]
    right: str


def _matches(pattern: str) -> Callable[[Any], bool]:
    def accepts(value: Any) -> bool:
        found = re.fullmatch(pattern, value) if isinstance(value, str) else None
        return found is not None and addresses.is_host(found.groupdict().get("host") or "")

    return accepts


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _path(not_below: str) -> Rule:
    """Return an absolute path, at least two folders deep, that does not lie in one of these folders of the root."""
    part = "[A-Za-z0-9_][A-Za-z0-9._-]*"
    right = "an absolute path such as /opt/jupyter of at most 100 letters, digits, '.', '_' and '-', not below /"
    return Rule(_matches(f"(?=.{{,100}}$)/(?!({not_below})/){part}(/{part})+"), right + not_below.replace("|", " /"))


def _or_none(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value == "" or accepts(value)


# What these hold is gone when a container starts again, or open to everybody.
_VOLATILE = paths.VOLATILE_FOLDERS + "|tmp"
# It is given to the user, whole.
_HOME = _path(f"{_VOLATILE}|{paths.SYSTEM_FOLDERS}")
_PATH = _path(f"{_VOLATILE}|{paths.CLOSED_FOLDERS}")
_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6([0-4][0-9]{3}|5([0-4][0-9]{2}|5([0-2][0-9]|3[0-5]))))"  # 1 to 65535
_HOST = rf"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:{_PORT})?"
_URL = Rule(_matches(rf"https?://{_HOST}(/[A-Za-z0-9._~/%-]*)?"), "an http(s) URL without a password")
_URL_OR_NONE = Rule(_or_none(_URL.accepts), _URL.right + " (netrc has it), or empty")
# What a shell, apt and pip's configuration take as it is.
_PROXY = Rule(
    _matches(rf"|http://([A-Za-z0-9._~%!$&*+,;=:-]+@)?{_HOST}/?"),
    "http://[USER:PASSWORD@]HOST:PORT, or empty",
)
_CERTIFICATES = Rule(
    _or_none(given_files.certificates), "the path of a PEM file with certificates, each of them whole, or empty"
)
_SWITCH = Rule(lambda value: isinstance(value, bool), "true or false")

RULES: Dict[str, Rule] = {
    "packages": Rule(lambda value: value in ("none", "core", "datascience"), "none, core or datascience"),
    "fonts": _SWITCH,
    "strict": _SWITCH,
    "jupyterhub": _SWITCH,
    "username": Rule(
        lambda value: _matches("[a-z][a-z0-9_-]{0,31}")(value) and identity.is_free(value),
        "a lower-case user name of at most 32 characters, no system account's and no group's of root's",
    ),
    "uid": Rule(_whole(1000, 59999), "a whole number from 1000 to 59999 (Debian's range for users)"),
    "uhome": _HOME,
    "jupyter_workdir": _HOME,
    "src": _PATH,
    "python_env": _PATH,
    "locale": Rule(_matches(r"([a-z]{2,3}(_[A-Z]{2})?|C)\.UTF-8"), "a UTF-8 locale such as en_US.UTF-8"),
    "apt_mirror": _URL_OR_NONE,
    "apt_security_mirror": _URL_OR_NONE,
    "apt_proxy": Rule(_matches(rf"|http://{_HOST}/?"), "http://HOST:PORT without a password, or empty"),
    "pypi_index": _URL_OR_NONE,
    "http_proxy": _PROXY,
    "https_proxy": _PROXY,
    "no_proxy": Rule(_matches(r"[A-Za-z0-9.,:/*\[\] _-]*"), "names and networks, comma-separated, or empty"),
    "netrc": Rule(_or_none(given_files.readable), "the path of a netrc file, or empty"),
    "mirror": Rule(_matches(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)*"), "an absolute path on the target, or empty"),
    "cran_mirror": _URL,
    "r2u_mirror": _URL,
    "r2u_key": Rule(
        lambda value: isinstance(value, str) and given_files.openpgp_key(os.path.join(str(ROOT), "files", value)),
        "the path of a file with one armored OpenPGP key, absolute or below files/",
    ),
    "r2u_fingerprint": Rule(_matches("[0-9A-F]{40}"), "40 hexadecimal digits in capitals"),
    "r2u_suite": Rule(_matches("[a-z]*"), "a suite's name, or empty for the one of the release table"),
    "r_mirror": _URL,
    "r_key": Rule(_or_none(given_files.openpgp_key), "the path of a file with one armored OpenPGP key, or empty"),
    "ca_bundle": _CERTIFICATES,
    "ca_certificates": _CERTIFICATES,
    "ssh_public_key": Rule(
        _or_none(lambda value: isinstance(value, str) and value.isprintable() and not public_keys.problem(value)),
        "one public key as in authorized_keys, or empty",
    ),
    "apt_cache_time": Rule(_whole(0, 365 * 86400), "a number of seconds from 0 to a year"),
    "dpkg_unsafe_io": _SWITCH,
    "apt_keep_archives": _SWITCH,
}


def _refusals(settings: Dict[str, Any]) -> List[str]:
    found = []
    for name, value in settings.items():
        rule = RULES[name]
        if not rule.accepts(value):
            found.append(f"invalid {name}={_shown(name, value)}: expected {rule.right}")
    return found


def _shown(name: str, value: Any) -> str:
    """Return a value that is refused without what may be a secret, which must not get into a log, and short."""
    if not isinstance(value, str):
        return repr(value)
    # A URL is refused for a password in it, or a query.
    if name.endswith(("_mirror", "_proxy", "_index")):
        value = re.sub(r"(?s)\?.*", "?***", re.sub(r"(?s)^(\w+://)?.+@", r"\1***@", value))
        return repr(value[: addresses.LONGEST_VALUE])
    # A file's content in the place of its path, a private key in that of the public one.
    holds = "-----BEGIN " in value or (name == "netrc" and len(value.split()) > 1)
    return repr(value.split()[0][: addresses.LONGEST_VALUE] + " ***") if holds else repr(addresses.shown(value))


def problem_of_data(data: Dict[str, Any]) -> str:
    """Return one line for the first setting of ``--data`` that is unknown or invalid whatever the others are, or nothing."""
    found = unknown(data) + _refusals({name: value for name, value in data.items() if name in RULES})
    return found[0] if found else ""


def problems(settings: Dict[str, Any]) -> List[str]:
    """Return one line for each setting that is invalid: its name, its value, what would be right."""
    found = _refusals({name: settings.get(name) for name in RULES})
    if found:
        return found
    # What root runs must not lie where the user may write, and what is in python_env is made root's or set aside.
    wrong = [
        (name, "outside", other)
        for name, other in itertools.permutations(("src", "python_env", "uhome"), 2)
        if (settings[name] + "/").startswith(settings[other] + "/")
    ]
    if not settings["jupyter_workdir"].startswith(settings["uhome"] + "/"):
        wrong.append(("jupyter_workdir", "below", "uhome"))
    return [f"invalid {a}={settings[a]!r}: expected a path {place} {b}={settings[b]!r}" for a, place, b in wrong]


def _pyinfras() -> Set[str]:
    """Return the names that pyinfra's connectors take as data."""
    found = {"chroot_directory"}  # its connector does not list it
    for connector in get_all_connectors().values():
        found.update(getattr(getattr(connector, "data_cls", None), "__annotations__", {}))
    return found


def nearest(name: str) -> str:
    """Return the setting that may have been meant, or empty."""
    return "".join(difflib.get_close_matches(name, RULES, n=1))


def unknown(names: Iterable[str]) -> List[str]:
    """Return one line for each name that is no setting, of ours or of pyinfra's. The value is not shown: it may be a password."""
    # A name of pyinfra's arguments begins with _, as a private name of a group_data file does.
    strangers = [name for name in names if name not in RULES and not name.startswith("_")]
    known = _pyinfras() if strangers else set()
    found = []
    for name in sorted(set(strangers) - known):
        near = nearest(name)
        found.append(
            f"invalid {name}=...: expected a setting of group_data/all.py" + (f", perhaps {near}" if near else "")
        )
    return found


_I18N = "/usr/share/i18n/locales/"
_SOURCE = f"if [ -f {_I18N}{{0}} ]; then echo found; elif [ -f {_I18N}en_US ]; then echo missing; fi"


def _locale(name: str) -> str:
    """Say what is wrong with a locale that this target does not have and cannot generate, or nothing."""
    base = name.split(".", maxsplit=1)[0]
    if base == "C" or name in (host.get_fact(Locales) or ()):
        return ""
    source = host.get_fact(Command, command=_SOURCE.format(base))
    # Where the definitions are not installed yet, Python's table tells.
    if source == "found" or (not source and base in {value.split(".")[0] for value in locale_alias.values()}):
        return ""
    return f"invalid locale={name!r}: expected a locale that the C library knows, such as en_US.UTF-8"


def check() -> None:
    """Refuse this host if a setting is wrong or the release has no row, before anything changes.

    Raises:
        DeployError: one line that names the first wrong setting.
    """
    # An import in a group_data file is no setting (pyinfra before 3.10 gives it as one).
    given = [name for name, value in host.data.dict().items() if not isinstance(value, ModuleType)]
    found = unknown(given) + problems({name: host.data.get(name) for name in RULES})
    if found:
        raise DeployError(found[0])
    # One question for what is to be known before anything is changed.
    for fact in (OsRelease, DebArch, Locales, ImageVariables):
        prefetch(fact)
    prefetch(Account, username=host.data.username, uid=host.data.uid)
    prefetch(AccountRights, username=host.data.username)
    prefetch(Directory, path=host.data.uhome)
    prefetch(Command, command=_SOURCE.format(host.data.locale.split(".")[0]))
    prefetch(Command, command=target_python.LED_TO)
    come_to = {"uid": host.data.uid, "places": [host.data.src, host.data.python_env, host.data.uhome]}
    prefetch(Unwritable, **come_to)
    target()
    unwritable: List[str] = host.get_fact(Unwritable, **come_to)
    problem = (
        "; ".join(unwritable)
        or target_python.problem()
        or _locale(host.data.locale)
        or identity.changed({name: host.data.get(name) for name in RULES}, host.get_fact(ImageVariables))
    )
    if problem:
        raise DeployError(problem)


_ACCEPTED: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def accepted() -> bool:
    """Is all right for this host? If not the run skips it, and counts as failed; the others go on.

    It is asked once a run: what a task has changed by then is as it was asked for.

    Raises:
        DeployError: it is not, and there is no other host.
    """
    this = state.inventory.get_host(host.name)  # not the context's stand-in for it
    if this not in _ACCEPTED:
        nameless_image.show()
        try:
            check()
        except EOFError:
            # pyinfra asks for it when the first command needs it.
            said = f"sudo on {host.name} asks for a password: run this in a terminal, or give the login sudo without"
            _leave_out(this, DeployError(said))
        except DeployError as refused:
            _leave_out(this, refused)
        else:
            _ACCEPTED[this] = True
    return _ACCEPTED[this]


def _leave_out(this: Host, error: DeployError) -> None:
    # pyinfra ends the run of all hosts for one that cannot be prepared.
    if not state.active_hosts - {this}:
        raise error
    logger.error(f"{host.print_prefix}{error}")
    summary.refused(str(error))
    state.fail_hosts({this})
    _ACCEPTED[this] = False


def deploy(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a task a deploy of pyinfra's that checks all settings first: it may be all that is run."""

    def decorate(task: Callable[..., None]) -> Callable[..., None]:
        @wraps(task)
        def checked(*arguments: str) -> None:
            if accepted():
                try:
                    task(*arguments)
                except DeployError as refused:  # what only the task knows; nothing is changed yet
                    _leave_out(state.inventory.get_host(host.name), refused)

        found: Callable[..., Any] = pyinfra.api.deploy(name)(checked)
        return found

    return decorate
