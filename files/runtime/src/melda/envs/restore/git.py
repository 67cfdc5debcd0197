"""A commit of a repository: a forge's archive of it, else git itself, kept to the address that was looked at."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import zlib
from typing import Any, Callable, Dict, List, Tuple, TypeVar
from urllib import parse

from melda.envs import Json, addresses
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.restore import tools, web

_Found = TypeVar("_Found")
# Host, and its archive of a commit; {path} is OWNER/NAME. As they document it, and needing no git.
FORGES = {
    "github.com": "https://github.com/{path}/archive/{commit}.tar.gz",
    "gitlab.com": "https://gitlab.com/{path}/-/archive/{commit}/{commit}.tar.gz",
    "bitbucket.org": "https://bitbucket.org/{path}/get/{commit}.tar.gz",
    "codeberg.org": "https://codeberg.org/{path}/archive/{commit}.tar.gz",
}
FORGE = re.compile(r"(?:https|ssh)://(?P<host>[a-z.]+)/(?P<path>[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+?)+)(?:\.git)?/?")
COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
PINS = (
    2,
    37,
)  # http.curloptResolve: https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpcurloptResolve
SECONDS = 30  # in which a server must answer
# curl's own limit, which git passes on: what brings nothing for so long is given up.
STALLED = ("-c", "http.lowSpeedLimit=1", "-c", f"http.lowSpeedTime={SECONDS}")
PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def archive(source: Json) -> str:
    """Return the address of an archive of a commit, a branch or a tag; empty where none is named or no forge has one."""
    commit = source.get("commit") or parse.quote(source.get("ref", ""))
    found = FORGE.fullmatch(source["url"]) if commit else None
    pattern = FORGES.get(found.group("host"), "") if found else ""
    return pattern.format(path=found.group("path"), commit=commit) if found and pattern else ""


def note_commit(source: Json, archive_path: str) -> None:
    """Note in the source of a branch or a tag which commit its archive is of: git archive writes it into the heading."""
    try:
        with tarfile.open(archive_path) as opened:
            found = opened.pax_headers.get("comment", "")
    except (OSError, EOFError, tarfile.TarError, zlib.error):
        return
    if COMMIT.fullmatch(found):
        source["commit"] = found


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
    options = ["-c", "http.followRedirects=false", *STALLED]
    allowed = {**env, "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "https:ssh"}
    parts = parse.urlsplit(url)
    host, ssh = str(parts.hostname), parts.scheme == "ssh"
    if not ssh and any(env.get(name) for name in PROXIES):
        return options, allowed  # the proxy resolves
    port = parts.port or (22 if ssh else web.PORT)
    found = [str(where[0]) for _, where in web.resolved(host, port)]
    if ssh:
        alive = f"-o ConnectTimeout={SECONDS} -o ServerAliveInterval={SECONDS}"
        name = f"ssh -o BatchMode=yes {alive} -o HostName={found[0]} -o HostKeyAlias={host} -o CheckHostIP=no"
        return options, {**allowed, "GIT_SSH_COMMAND": name, "GIT_SSH_VARIANT": "ssh"}
    if _version(allowed) < PINS:
        raise PackageUnavailable("git before {0}.{1} cannot be kept to the address that was looked at".format(*PINS))
    pinned = ",".join(f"[{one}]" if ":" in one else one for one in dict.fromkeys(found))
    return [*options, "-c", f"http.curloptResolve={host}:{port}:{pinned}"], allowed


def look(source: Json, env: Dict[str, str]) -> None:
    """See whether a repository answers, and has the branch or tag that is wanted; nothing is fetched.

    Args:
        source: of a capture.
        env: variables of git.

    Raises:
        PackageUnavailable: it does not, may not be asked, or there is no git.
    """
    url = source["url"]
    try:
        addresses.check(url, "git")
        if shutil.which("git") is None:
            raise PackageUnavailable(f"{url} is no forge whose archives are known, and git is not there")
        options, quiet = _kept_to(url, env)
    except (UsageError, OSError) as error:
        raise PackageUnavailable(str(error)) from None
    # A server shows its branches and tags, not its commits.
    wanted = [] if source.get("commit") else [source.get("ref", "") or "HEAD"]
    done = tools.run(["git", *options, "ls-remote", "--quiet", "--", addresses.with_git_user(url), *wanted], quiet)
    if done.code:
        raise PackageUnavailable(f"git: {tools.last_line(done.output)}")
    if wanted and not done.output.strip():
        raise PackageUnavailable(f"git: {url} has no {wanted[0]}")


def after(failed: PackageUnavailable, way: Callable[..., _Found], source: Json, *more: Any) -> _Found:
    """Have git ask, with the user's key, for what a forge has no archive of for everybody: what has an address of ssh.

    Args:
        failed: why there is no archive.
        way: :func:`look` or :func:`checkout`, whose result is returned.
        source: of a capture.
        more: what else ``way`` takes.

    Raises:
        PackageUnavailable: it cannot be had in either way.
    """
    if not str(source.get("url", "")).startswith("ssh://"):
        raise failed
    try:
        return way(source, *more)
    except PackageUnavailable as error:
        raise PackageUnavailable(f"{failed}; {error}") from None


def checkout(source: Json, target: str, env: Dict[str, str]) -> str:
    """Have git fetch a commit, a branch or a tag; which commit that is, is noted in the source.

    Args:
        source: of a capture.
        target: a folder that is made.
        env: variables of git.

    Returns:
        The folder, without git's own.

    Raises:
        PackageUnavailable: it cannot be had.
    """
    commit, url = source.get("commit") or source.get("ref", ""), source["url"]
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
        ["git", "-C", target, "checkout", "--quiet", commit if source.get("commit") else "FETCH_HEAD"],
    ):
        done = tools.run(command, quiet)
        if done.code:
            raise PackageUnavailable(f"git: {tools.last_line(done.output)}")
    if not source.get("commit"):
        found = tools.run(["git", "-C", target, "rev-parse", "HEAD"], quiet).output.strip()
        source.update({"commit": found} if COMMIT.fullmatch(found) else {})
    shutil.rmtree(os.path.join(target, ".git"))
    return target
