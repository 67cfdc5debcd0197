"""The container's variables: where they come from, what is right, and which the user's processes may see."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple

from melda.base import log, users
from melda.base.addresses import shown
from melda.base.errors import ConfigError
from melda.base.paths import ENVIRONMENT
from melda.config import (
    base_url,
    bucket,
    choice,
    container_limits,
    data_bucket,
    firewall_policy,
    home,
    hub,
    ipv6,
    jupyter_port,
    notebook_args,
    origins,
    proxies,
    repository,
    secret_files,
    stop_seconds,
    upgrade,
)
from melda.config import ssh_keys as config_ssh_keys
from melda.config.firewall_policy import FirewallPolicy

SRC = str(Path(__file__).resolve().parents[2])  # where the programs are
ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # nothing the user can write
HELD_BACK = "MELDA_LATER_"  # before the name of a variable that is to be set later, see held_back()

# Never passed on to a process of the user, or to a service that does not need it: credentials (AWS_*, s3fs's
# AWSACCESSKEYID, the ECS agent's addresses, which give credentials away), the tokens, and what only
# start-jupyter reads.
HIDDEN_PREFIXES = ("AWS", "ECS_")
HIDDEN = ("JUPYTER_TOKEN", secret_files.TOKEN, *hub.TOKENS, "SSH_AUTHORIZED_KEYS", "S3FS_DEBUG", "S3FS_PATIENCE")
# They lead to what the user installed, or wrote.
OF_THE_USER = (
    "PYTHONPATH", "R_LIBS_USER", "VIRTUAL_ENV", "NLTK_DATA", "UV_TOOL_DIR", "UV_TOOL_BIN_DIR", "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_COUNT",
)  # fmt: skip


class ImageLayout(NamedTuple):
    """Where things are in this image.

    Attributes:
        user: who runs notebooks.
        workdir: absolute path of the project.
        python_env: absolute path of the virtual environment that has ``jupyter``.
    """

    user: users.Account
    workdir: str
    python_env: str


class Settings(NamedTuple):
    """What a container was asked to do.

    Attributes:
        layout: where things are.
        variables: all variables, /etc/environment's included, and what files hold in their place; never log it.
        bucket: what to mount at the project; None: it stays a local folder.
        firewall: who may connect, and where to.
        token: Jupyter's token as given; empty: none was given.
        ssh_keys: public keys for root beside the one built in.
        hub: the JupyterHub that says who may use Jupyter; None: the token does.
        upgrade: whether the packages of an older Python or R are carried over.
        idle: seconds without anything done after which the container ends; None: never.
        repository: address of what a new project begins with; empty: nothing.
        data: what to mount read-only beside the project; None: nothing.
        stop_seconds: after the wish to stop, until the container is killed.
    """

    layout: ImageLayout
    variables: Dict[str, str]
    bucket: Optional[bucket.Bucket]
    firewall: FirewallPolicy
    token: str
    ssh_keys: Tuple[str, ...]
    hub: Optional[hub.Hub] = None
    upgrade: str = upgrade.AUTO
    idle: Optional[int] = None
    repository: str = ""
    data: Optional[bucket.Bucket] = None
    stop_seconds: int = stop_seconds.DOCKERS

    def __repr__(self) -> str:
        return "Settings(...)"  # a traceback or a log line must not show secrets


def parse(text: str) -> Dict[str, str]:
    """Return the variables of a file like /etc/environment, as pam_env(8) reads it: KEY=VALUE, comments, quotes."""
    found: Dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        name = name[7:].strip() if name.startswith("export ") else name.strip()
        if equals and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            value = value.strip()
            quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
            found[name] = value[1:-1] if quoted else value
    return found


def merged(from_file: Mapping[str, str], process: Mapping[str, str]) -> Dict[str, str]:
    """Both together: the process's win unless they are empty; PATH is the file's, then what the process adds.

    Docker always sets a PATH, also in an image without ENV, so its mere presence means nothing.
    """
    folders = [folder for source in (from_file, process) for folder in source.get("PATH", "").split(":") if folder]
    missing = {name: value for name, value in from_file.items() if not process.get(name)}
    return {**process, **missing, "PATH": ":".join(dict.fromkeys(folders))}


def load(file: str = ENVIRONMENT) -> Dict[str, str]:
    """Return all variables of this process and of ``file`` (which may be missing)."""
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
    except FileNotFoundError:
        text = ""
    return merged(parse(text), os.environ)


def token(value: str) -> str:
    """``value`` if it is empty or can be a token.

    Raises:
        ConfigError: it cannot; the value is not shown.
    """
    if value and not secret_files.A_TOKEN.fullmatch(value):
        raise ConfigError("invalid JUPYTER_TOKEN: expected letters, digits and ._~+/=-, 4096 at most")
    return value


def python_environment(path: str) -> str:
    """Return the virtual environment whose ``jupyter`` is first on ``path``."""
    jupyter = shutil.which("jupyter", path=path)
    if not jupyter:
        raise ConfigError(f"invalid PATH={shown(path)!r}: expected a folder in it that holds jupyter")
    return os.path.dirname(os.path.dirname(jupyter))


def image_layout(variables: Mapping[str, str]) -> ImageLayout:
    """Return where things are, by the variables that the image sets."""
    user, folders = users.find(variables.get("username", "")), home.from_env(variables)
    return ImageLayout(
        user=user._replace(home=folders.home),
        workdir=folders.project,
        python_env=python_environment(variables.get("PATH", "")),
    )


def requested(variables: Mapping[str, str]) -> Dict[str, Any]:
    """Return all fields of :class:`Settings` but its layout: the variables alone decide them. A deployment asks for them too."""
    variables = proxies.filled_in(variables)
    choice.from_env(variables, "LOG_FORMAT", log.FORMATS, "")
    mounted, read = bucket.from_env(variables), data_bucket.from_env(variables)
    storage = mounted or read
    firewall = firewall_policy.from_env(variables, storage.url_of_service if storage else None)
    belongs = hub.from_env(variables, jupyter_port.from_env(variables))
    base_url.from_env(variables)
    ipv6.mode(variables)
    notebook_args.parse(variables.get(notebook_args.VARIABLE, ""))
    # As browsers write them: who reads them next compares strings.
    allowed = ",".join(origins.parse(variables.get(origins.VARIABLE, "")))
    return {
        "variables": {**variables, origins.VARIABLE: allowed} if allowed else variables,
        "bucket": mounted,
        "firewall": firewall,
        "token": token(variables.get("JUPYTER_TOKEN", "")),
        "ssh_keys": config_ssh_keys.parse(variables.get("SSH_AUTHORIZED_KEYS", "")),
        "hub": belongs,
        "upgrade": upgrade.mode(variables),
        "idle": choice.seconds("IDLE_SECONDS", variables.get("IDLE_SECONDS", ""), 10, 9999999, 3600),
        "repository": repository.parse(variables.get(repository.VARIABLE, "")),
        "data": read,
        "stop_seconds": stop_seconds.parse(variables.get(stop_seconds.VARIABLE, "")),
    }


def settings(variables: Dict[str, str]) -> Settings:
    """Check everything at once, before anything is started."""
    where = image_layout(variables)
    asked = requested(container_limits.filled_in(secret_files.filled_in(variables, where.user.uid)))
    if asked["hub"]:
        hub.check_installed(where.python_env)
        hub.check_reachable(asked["hub"], asked["firewall"].egress)
    return Settings(where, **asked)


def _own(who: users.Account) -> Dict[str, str]:
    return {"HOME": who.home, "USER": who.name, "LOGNAME": who.name, "SHELL": who.shell}


def _first(folder: str, others: str) -> str:
    return ":".join(dict.fromkeys([folder, *(other for other in others.split(":") if other)]))


def is_hidden(name: str) -> bool:
    """Is this variable never passed on to a process of the user?"""
    return name.startswith(HIDDEN_PREFIXES) or name in HIDDEN


def r_libraries(plugins: str) -> str:
    """Return what ``Rscript --vanilla`` is to find, which does not read Rprofile.site; behind it Debian's own default."""
    return plugins + ":~/R/%p-library/%v"


def kept(python_plugins: str) -> Dict[str, str]:
    """Return what keeps in the project what else ended with the container's home; a container's own variables win."""
    return {
        "NLTK_DATA": python_plugins + "/share/nltk_data",  # https://www.nltk.org/data.html
        # https://docs.astral.sh/uv/reference/storage/#tools
        "UV_TOOL_DIR": python_plugins + "/share/uv/tools",
        "UV_TOOL_BIN_DIR": python_plugins + "/bin",
        # Copies instead of links to the home's cache: https://rstudio.github.io/renv/reference/config.html
        "RENV_CONFIG_CACHE_SYMLINKS": "FALSE",
    }


def for_user(chosen: Settings, python_plugins: str, r_plugins: str = "") -> Dict[str, str]:
    """Return the environment of Jupyter, and so of kernels and terminals: everything that is not hidden.

    Args:
        chosen: the settings.
        python_plugins: absolute path of the user's own virtual environment.
        r_plugins: absolute path of the user's own R library; empty: there is no R.
    """
    visible = {name: value for name, value in chosen.variables.items() if not is_hidden(name)}
    # As an activated virtual environment. PYTHONPATH too, for a Python that knows nothing of it; there is nothing
    # importable in the folder itself but what pip's former --target put there.
    return {
        **repository.of_git(chosen.layout.workdir),
        **kept(python_plugins),
        **visible,
        **_own(chosen.layout.user),
        base_url.VARIABLE: base_url.from_env(chosen.variables),  # as Jupyter has it, for links of the user's
        "VIRTUAL_ENV": python_plugins,
        "PATH": _first(python_plugins + "/bin", visible.get("PATH", "")),
        "PYTHONPATH": _first(python_plugins, visible.get("PYTHONPATH", "")),
        **({"R_LIBS_USER": r_libraries(r_plugins)} if r_plugins else {}),
    }


def of_the_image(chosen: Settings, variables: Mapping[str, str]) -> Dict[str, str]:
    """Return the environment of a process of the user's that begins while root still works on what is the user's.

    Whatever it calls is the image's: no program and no module that the user installed is found.
    """
    rest = {name: value for name, value in variables.items() if name not in OF_THE_USER}
    return {**rest, "PATH": ":".join((SRC, chosen.layout.python_env + "/bin", ROOT_PATH))}


def held_back(chosen: Settings, variables: Mapping[str, str]) -> Dict[str, str]:
    """Return the same for one whose children are the user's: what it sets when told to go on has :data:`HELD_BACK` before it."""
    first = of_the_image(chosen, variables)
    later = {HELD_BACK + name: value for name, value in variables.items() if first.get(name) != value}
    return {**first, **later}


def for_root(chosen: Settings) -> Dict[str, str]:
    """Return the environment of a service that runs as root: only what it needs."""
    ways_out = {name: value for name, value in chosen.variables.items() if name.lower().endswith("_proxy")}
    return {**ways_out, **_own(users.ROOT), "PATH": ROOT_PATH, "LANG": chosen.variables.get("LANG", "C.UTF-8")}
