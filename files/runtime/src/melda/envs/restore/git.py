"""A commit of a repository: a forge's archive of it, else git itself, kept to the address that was looked at."""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, Dict, List, Tuple
from urllib import parse

from melda.envs import addresses
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.restore import tools, web

Json = Dict[str, Any]
# Host, and its archive of a commit; {path} is OWNER/NAME. As they document it, and needing no git.
FORGES = {
    "github.com": "https://github.com/{path}/archive/{commit}.tar.gz",
    "gitlab.com": "https://gitlab.com/{path}/-/archive/{commit}/{commit}.tar.gz",
    "bitbucket.org": "https://bitbucket.org/{path}/get/{commit}.tar.gz",
    "codeberg.org": "https://codeberg.org/{path}/archive/{commit}.tar.gz",
}
FORGE = re.compile(r"https://(?P<host>[a-z.]+)/(?P<path>[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+?)+)(?:\.git)?/?")
PINS = (
    2,
    37,
)  # http.curloptResolve: https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpcurloptResolve
PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def archive(source: Json) -> str:
    """The address of an archive of a commit; empty where no commit is named, or no forge is known to have one."""
    if not source.get("commit"):
        return ""
    found = FORGE.fullmatch(source["url"])
    pattern = FORGES.get(found.group("host"), "") if found else ""
    return pattern.format(path=found.group("path"), commit=source["commit"]) if found and pattern else ""


def _version(env: Dict[str, str]) -> Tuple[int, ...]:
    output = tools.run(["git", "--version"], env).output
    return tuple(int(part) for part in re.findall(r"\d+", output)[:2])


def _kept_to(url: str, env: Dict[str, str]) -> Tuple[List[str], Dict[str, str]]:
    """Options and variables that keep git to the address that was looked at.

    Raises:
        UsageError: the name leads out of the web.
        PackageUnavailable: this git cannot be kept.
        OSError: the name leads nowhere.
    """
    options = ["-c", "http.followRedirects=false"]
    allowed = {**env, "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "https:ssh"}
    parts = parse.urlsplit(url)
    host, ssh = str(parts.hostname), parts.scheme == "ssh"
    if not ssh and any(env.get(name) for name in PROXIES):
        return options, allowed  # the proxy resolves
    port = parts.port or (22 if ssh else web.PORT)
    found = [str(where[0]) for _, where in web.resolved(host, port)]
    if ssh:
        name = f"ssh -o BatchMode=yes -o HostName={found[0]} -o HostKeyAlias={host} -o CheckHostIP=no"
        return options, {**allowed, "GIT_SSH_COMMAND": name, "GIT_SSH_VARIANT": "ssh"}
    if _version(allowed) < PINS:
        raise PackageUnavailable("git before {0}.{1} cannot be kept to the address that was looked at".format(*PINS))
    pinned = ",".join(f"[{one}]" if ":" in one else one for one in dict.fromkeys(found))
    return [*options, "-c", f"http.curloptResolve={host}:{port}:{pinned}"], allowed


def checkout(source: Json, target: str, env: Dict[str, str]) -> str:
    """Have git fetch a commit.

    Args:
        source: of a capture.
        target: a folder that is made.
        env: variables of git.

    Returns:
        The folder, without git's own.

    Raises:
        PackageUnavailable: it cannot be had.
    """
    commit, url = source.get("commit", ""), source["url"]
    try:
        addresses.check(url, "git")
        if not commit:
            raise PackageUnavailable("it names no commit")
        options, quiet = _kept_to(url, env)
    except (UsageError, OSError) as error:
        raise PackageUnavailable(str(error)) from None
    for command in (
        ["git", "init", "--quiet", target],
        ["git", *options, "-C", target, "fetch", "--quiet", "--depth", "1", "--", addresses.with_git_user(url), commit],
        ["git", "-C", target, "checkout", "--quiet", commit],
    ):
        done = tools.run(command, quiet)
        if done.code:
            raise PackageUnavailable(f"git: {tools.last_line(done.output)}")
    shutil.rmtree(os.path.join(target, ".git"))
    return target
