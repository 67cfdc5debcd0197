"""The certificate authorities that a target trusts."""

from __future__ import annotations

import shlex
from typing import List

from pyinfra.api import FactBase


class LackingAuthorities(FactBase[bool]):
    """Has the bundle fewer certificates than update-ca-certificates would put there, or may others not read it, or write to it?
    pyinfra has no such fact, and curl's is the first error.

    What an administrator added, and did not tell that program of, is not counted.
    """

    folder, settings = "/usr/share/ca-certificates", "/etc/ca-certificates.conf"

    def command(self, bundle: str) -> str:
        path, begin = shlex.quote(bundle), "'BEGIN CERTIFICATE'"
        return (
            f"exec 2>/dev/null; cd {self.folder} &&"
            f" wanted=$(grep '^[^#!]' {self.settings} | xargs -r -d '\\n' grep -ls {begin} | wc -l) &&"
            f' [ "$wanted" -gt 0 ] && {{ [ -f {path} ] && [ "$(grep -sc {begin} {path})" -ge "$wanted" ] &&'
            f' [ -n "$(find -L {path} -uid 0 -perm -444 ! -perm /022)" ] || echo lacking; }}; true'
        )

    default = bool

    def process(self, output: List[str]) -> bool:
        return output == ["lacking"]
