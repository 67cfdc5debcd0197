"""sshd on a target."""

from __future__ import annotations

from typing import List

from tasks.facts.files import DONE, Judged, Lines
from tasks.lib import host_kind, sshd


class ImageHostKeys(Lines):
    """Host keys that identify no running host: made by the package's installation in an image under construction.

    Where systemd or an sshd runs they are that host's identity, and the list is empty. pyinfra's FindFiles does not ask.
    """

    def command(self) -> str:
        return f"{host_kind.IS_HOST} || ls /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub 2>/dev/null || true"

    def process(self, output: List[str]) -> List[str]:
        return [line for line in output if line.startswith("/")]


class SshdProblem(Judged):
    """A line that says how sshd lets in who has no key, or that it would not start, with our settings in place; else none. And
    ``shut:SETTING`` if root does not come in with one.

    pyinfra has no such fact. Until they are in place there is nothing to judge.
    """

    def command(self) -> str:
        return f"[ ! -e {sshd.OURS} ] || ( {sshd.problem(shut=True)} ); echo {DONE}"
