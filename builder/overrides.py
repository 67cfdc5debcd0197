"""``DATA``: settings for one build, and the files they name, which travel as secrets."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import runpy
from pathlib import Path
from typing import Any

from builder import docker as client
from builder import host
from builder.errors import BuildError

ROOT = Path(__file__).resolve().parent.parent
# Settings that name a file of the build host -> the secret it becomes in a build.
FILES = {"ca_bundle": "ca", "ca_certificates": "certificates", "netrc": "netrc"}
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
# The Makefile's variables say these.
TAKEN = ("packages", "strict", "mirror")


# Read in an image before there is a Python that could read group_data/all.py.
BOOTSTRAP = ("apt_mirror", "apt_security_mirror", "apt_proxy", "pypi_index")
# Arguments of Dockerfile.base too, for ENV, WORKDIR and the health check.
IMAGE_ARGUMENTS = ("username", "uhome", "jupyter_workdir", "src", "python_env", "locale")
# Files that a build finds in the repository alone.
KEYS = ("r2u_key", "r_key")


def defaults() -> dict[str, Any]:
    """Return the settings of group_data/all.py."""
    found = runpy.run_path(str(ROOT / "group_data" / "all.py"))
    return {name: value for name, value in found.items() if name.islower() and name[0] != "_" and name != "os"}


def value(text: str) -> Any:
    """Return what pyinfra makes of the value of ``--data NAME=VALUE``."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    with contextlib.suppress(ValueError):
        return int(text)
    with contextlib.suppress(ValueError):
        return json.loads(text)
    return text


def _word(setting: Any) -> str:
    return str(setting).lower() if isinstance(setting, bool) else str(setting)


def _check(found: dict[str, str]) -> None:
    # pyinfra takes a third of a second to import.
    from tasks.settings import problems  # noqa: PLC0415

    values = defaults() | found
    for name in KEYS:
        path, above = str(values[name]), "files/" if name == "r2u_key" else ""
        if path and not os.path.normpath(above + path).startswith("files/r2u/"):
            right = f"{'' if above else 'files/'}r2u/FILE, in this repository, where a build finds it"
            raise BuildError(f"invalid DATA={name}={path}: expected {right}")
    wrong = problems(defaults() | {name: value(text) for name, text in found.items()})
    if wrong:
        raise BuildError(wrong[0])


def parse(data: str) -> dict[str, str]:
    """``name=value name=value`` as a table.

    Raises:
        BuildError: a word is no setting (its value is not shown, it may be a password), or a setting is invalid, one of
            group_data/all.py too.
    """
    known = defaults()
    found = {}
    for word in data.split():
        name, equals, text = word.partition("=")
        if not equals or name not in known:
            near = difflib.get_close_matches(name, known, n=1) if equals else []
            named = name if name in known or near else "a word"
            raise BuildError(
                f"invalid DATA: {named!r}: expected NAME=VALUE NAME=VALUE, with names of group_data/all.py"
                + (f", perhaps {near[0]}" if near else "")
            )
        if name in TAKEN:
            raise BuildError(f"invalid DATA={name}=...: expected the variable {name.upper()}")
        if name in PROXIES:
            # Others can read a command line.
            raise BuildError(f"invalid DATA={name}=...: expected it in the environment, where nobody else reads it")
        if name in FILES and text and not Path(text).is_file():
            raise BuildError(f"invalid DATA={name}={text}: expected the path of a file")
        found[name] = text
    _check(found)
    return found


def _of_this_host() -> dict[str, Any]:
    """Return the settings of group_data/all.py that an image could not read as they are here: it has no Python yet."""
    here, variables = defaults(), dict(os.environ)
    os.environ.clear()
    try:
        elsewhere = defaults()
    finally:
        os.environ.update(variables)
    skipped = (*FILES, *PROXIES, *TAKEN)
    found = {name: text for name, text in here.items() if name not in skipped and text != elsewhere[name]}
    return found | {name: here[name] for name in BOOTSTRAP if here[name]}


def image_arguments(data: dict[str, str]) -> dict[str, str]:
    """Return the build arguments of Dockerfile.base that say who the user is and where things are."""
    values = defaults() | data
    return {name: _word(values[name]) for name in IMAGE_ARGUMENTS}


def arguments(data: dict[str, str], *, strict: bool = False) -> str:
    """Return the settings that a build gets as PROVISION_DATA: those that name no file of the build host.

    Raises:
        BuildError: a value of group_data/all.py has a blank, where the next setting would begin.
    """
    words = {name: _word(text) for name, text in (_of_this_host() | data).items() if name not in FILES}
    for name, word in words.items():
        if word.split() != [word] and word:
            raise BuildError(f"invalid {name}={word!r}: expected no blank, in an image that is built by a Dockerfile")
    return " ".join(["strict=true"] * strict + [f"{name}={word}" for name, word in words.items()])


def to_build(data: dict[str, str], *, offline: bool = False) -> client.BuildInputs:
    """Files and proxies of a build.

    Args:
        offline: nothing is fetched, so no password is needed.

    Raises:
        BuildError: a setting of group_data/all.py names no file.
    """
    values = defaults() | data
    # The build host's own, if none is named: behind a proxy that inspects TLS no download works without.
    paths = {secret: str(values[name]) for name, secret in FILES.items()}
    if not Path(paths["ca"]).is_file():
        paths["ca"] = host.ca_bundle()
    for name, secret in FILES.items():
        if paths[secret] and not Path(paths[secret]).is_file():
            raise BuildError(f"invalid {name}={paths[secret]}: expected the path of a file, or empty")
    if offline:
        return client.BuildInputs({**paths, "netrc": ""}, {}, offline=True)
    proxies = {name: str(values[name]) for name in PROXIES if values[name] and not os.environ.get(name)}
    return client.BuildInputs(paths, proxies)
