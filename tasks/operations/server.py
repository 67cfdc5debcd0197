"""The locale, the project's folder, and rights that programs must not give."""

from __future__ import annotations

import posixpath
import secrets
import shlex
from typing import Generator, Sequence

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.facts.server import Command

from tasks.facts.files import SHADOWS, PathStats, SetuidFiles, UserFolder, UsersFiles
from tasks.facts.server import SUDO, AccountRights
from tasks.lib import managed_files
from tasks.lib.identity import roots_groups
from tasks.lib.progress import say
from tasks.lib.staging import refuse

# Only a locale that works has UTF-8; pyinfra's Locales lists what an archive names that was cut off, too.
CHARSET = "LC_ALL={} locale charmap 2>/dev/null || true"
ARCHIVE = "/usr/lib/locale/locale-archive"


@operation()
def locale(locale: str) -> Generator[StringCommand, None, None]:
    """Generate ``locale`` if the system has not got it; what /etc/locale.gen names, too, if the archive of locales is damaged.

    pyinfra's server.locale fails where /etc/locale.gen does not name it, as C.UTF-8, or is not there yet.
    """
    if host.get_fact(Command, command=CHARSET.format(locale)) != "UTF-8":
        # localedef adds one locale; locale-gen would make every one that /etc/locale.gen lists again.
        generate = f"localedef -i {locale.split('.', maxsplit=1)[0]} -f UTF-8 {locale}"
        works = f'[ "$(LC_ALL={locale} locale charmap)" = UTF-8 ]'
        # It takes an empty archive for an error, ends with a signal on one that was cut off, and leaves both. It ends so, too,
        # where it is killed or finds no room: then the archive, with all locales of the host, stays.
        old, new = ARCHIVE + ".melda-old", ARCHIVE + managed_files.NEW
        # It waits for ever for whoever may read the archive, and has locked it: nobody has locked a copy.
        unlocked = f"{{ [ ! -s {ARCHIVE} ] || {{ cp -p {ARCHIVE} {new} && mv -fT {new} {ARCHIVE}; }} || rm -f {new}; }}"
        back = f"{{ [ ! -e {old} ] || mv -fT {old} {ARCHIVE}; }}"
        others = "{ ! command -v locale-gen >/dev/null || locale-gen --keep-existing >/dev/null; }"
        yield StringCommand(
            f"{back} && {unlocked} && {{ {generate} && {works}; }} 2>/dev/null ||"
            f" {{ {{ [ ! -e {ARCHIVE} ] || mv -fT {ARCHIVE} {old}; }} &&"
            f" {{ [ ! -e {old} ] || {others}; }} && {generate} && {works} && rm -f {old}; }} || {{ {back}; exit 1; }}"
        )


@operation()
def temporary_folder(path: str) -> Generator[StringCommand, None, None]:
    """Have a folder for everybody's temporary files: apt's own user writes there. One that is a link is its host's.

    pyinfra's files.directory gives a folder a mode without its sticky bit first.
    """
    found = host.get_fact(PathStats, paths=[path]).get(path, ("missing",))
    if found[0] == "missing" or (found[0] == "directory" and found[1:] != ("1777", "root", "root")):
        quoted = shlex.quote(path)
        yield StringCommand(f"mkdir -p {quoted} && chown -h root:root {quoted} && chmod 1777 {quoted}/.")


@operation()
def cache_of_roots(path: str) -> Generator[StringCommand, None, None]:
    """Let nobody but root open, and so lock, the files of a cache. Those that are there go: somebody may hold them."""
    if host.get_fact(PathStats, paths=[path]).get(path) != ("directory", "700", "root", "root"):
        quoted = shlex.quote(path)
        yield StringCommand(
            f"mkdir -p {quoted} && chown -h root:root {quoted} && chmod 700 {quoted} && rm -f {quoted}/*"
        )


@operation()
def rights_taken_back(username: str, sudoers: str) -> Generator[StringCommand, None, None]:
    """Take an account out of groups whose members can become root, and let it not expire, nor lack what PAM asks for.

    pyinfra's server.user adds to groups, or has to be given all of them.

    Args:
        sudoers: what to say, and to fail with, if sudo has a rule for the account beside those of groups.
    """
    found = host.get_fact(AccountRights, username=username)
    for group in roots_groups(found):
        say(f"{username} was in the group {group}, whose members can become root, and is taken out of it")
        yield StringCommand(f"gpasswd -d {username} {group}")
    if "sudo" in found:
        yield StringCommand(f"if {SUDO.format(username)}; then {refuse(sudoers).get_raw_value()}; fi")
    if "no shadow" in found:  # with which PAM lets nobody in
        yield StringCommand("pwconv && grpconv")
    if "expires" in found:
        say(f"the account {username} was to expire, and no longer is")
        yield StringCommand(f"usermod -e '' {username}")


@operation()
def project_folder(username: str, uid: int, home: str, path: str) -> Generator[StringCommand, None, None]:
    """Make the project's folder, the user's, in a home that the user may change meanwhile; one that is mounted stays as it is.

    pyinfra's files.directory gives the user what a link leads to, which the user puts there between its question and its chown.
    """
    found = host.get_fact(UserFolder, path=path)
    if found and found[0] not in ("directory", "symbolic link"):
        say(f"{path} was in the way and is set aside as {path}.set-aside-...")
    if found[:4] == ["directory", "755", username, username] or (
        found[:1] == ["directory"] and found[4:] in (["fuse"], ["fuseblk"])
    ):
        return
    above, name = posixpath.split(path)
    moved = refuse(f"{above} is a symbolic link, or on the way to it there is one").get_raw_value()
    link = refuse(f"{path} is a symbolic link: it must be a folder").get_raw_value()
    rest, above, name = shlex.quote(above[len(home) :]), shlex.quote(above), shlex.quote("./" + name)
    # Root goes into the folder above, makes sure that it stands where it should, and only then hands over what is called so
    # there, itself and not what it points to.
    yield StringCommand(
        f'as_user() {{ setpriv --reuid={uid} --regid={uid} --clear-groups --no-new-privs "$@"; }}\n'
        f"home=$(cd -P {shlex.quote(home)} && pwd -P) && as_user mkdir -p {above} && cd -P {above}\n"
        f'[ "$(pwd -P)" = "$home"{rest} ] || {{ {moved}; }}\n'
        f"if [ -L {name} ]; then {link}; fi\n"
        f"if [ -e {name} ] && [ ! -d {name} ]; then as_user mv -T {name} {name}.set-aside-{secrets.token_hex(4)}; fi\n"
        f"{{ [ -d {name} ] || as_user mkdir {name}; }} && chown -h {username}:{username} {name} && as_user chmod 755 {name}"
    )


@operation()
def given_back(home: str, uid: int, ours: Sequence[str]) -> Generator[StringCommand, None, None]:
    """Give root what belongs to the user in the system's folders.

    pyinfra's files.file sets the owner of a path that is known beforehand.
    """
    found = host.get_fact(UsersFiles, home=home, uid=uid, ours=ours)
    if found:
        say("belonged to the user, and given back to root: " + " ".join(found))
        # A folder comes before what is in it: then nobody puts a link there meanwhile.
        yield StringCommand("chown -h root:root " + " ".join(shlex.quote(path) for path in found))


@operation()
def setuid_removed(home: str, kept: Sequence[str]) -> Generator[StringCommand, None, None]:
    """Take setuid and setgid from programs, and from everybody the right to write to folders and files of root's.

    pyinfra's files.file sets whole modes of paths that are known beforehand.
    """
    found = [path for path in host.get_fact(SetuidFiles, home=home) if path not in kept]
    if found:
        yield StringCommand("chmod ug-s,o-w " + " ".join(shlex.quote(path) for path in found))
    shadows = [path for path in found if path in SHADOWS]
    if shadows:
        yield StringCommand("chmod o= " + " ".join(shadows))
