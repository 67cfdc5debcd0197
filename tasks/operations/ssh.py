"""sshd. pyinfra has no operation for its configuration as the package makes it."""

from __future__ import annotations

import re
from typing import Generator

from pyinfra import host
from pyinfra.api import StringCommand, operation

from tasks.facts.files import FileContents, PathStats
from tasks.facts.ssh import SshdProblem
from tasks.lib.managed_files import ManagedFile, make_way
from tasks.lib.progress import say
from tasks.lib.staging import refuse

_INCLUDE = re.compile(r"^\s*Include\s+/etc/ssh/sshd_config[.]d/", re.MULTILINE | re.IGNORECASE)


@operation()
def config_restored(path: str, template: str) -> Generator[StringCommand, None, None]:
    """Have the distribution's configuration of sshd, for root alone, and let it include ours.

    pyinfra's files.file makes an empty one where it is missing, with which sshd takes passwords.
    """
    present = host.get_fact(PathStats, paths=[path])
    found = present.get(path, ())
    text = host.get_fact(FileContents, path=path)
    # A link to a file has its text: what is kept there is an administrator's.
    if found[:1] not in (("file",), ("link",)) or not text.strip():
        say(f"{path} is missing or empty, and made of {template} again")
        yield from make_way([ManagedFile(path, b"")], present)
        yield StringCommand(f"install -m 600 {template} {path}.melda-new && mv -fT {path}.melda-new {path}")
        return
    if not _INCLUDE.search(text):
        yield refuse(f"{path} does not include our settings: it must begin with Include /etc/ssh/sshd_config.d/*.conf")
    elif found[0] == "file" and (found[1] != "600" or found[2:4] != ("root", "root")):
        yield StringCommand(f"chown root:root {path} && chmod 600 {path}")


@operation()
def key_demanded(key: str) -> Generator[StringCommand, None, None]:
    """Refuse a configuration of sshd with which our settings do not count: somebody may have put others before them.

    Args:
        key: the platform's; with one root shall come in, without one it is a site's choice.
    """
    for line in host.get_fact(SshdProblem):
        _, shut, setting = line.partition("shut:")
        if not shut:
            yield refuse(line)
        elif key:
            yield refuse(
                f"sshd lets root in with no key, before our settings count ({setting}): expected that gone, or no ssh_public_key"
            )
