"""The site's own certificate authorities, trusted for good: by curl, R, Python, pip and uv."""

from __future__ import annotations

from typing import List

from melda.base.paths import ENVIRONMENT
from pyinfra import host
from pyinfra.facts.files import FindFiles

from tasks.facts.certificates import LackingAuthorities
from tasks.facts.files import PathStats
from tasks.lib import given_files, managed_list
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ManagedFile
from tasks.lib.staging import SYSTEM_BUNDLE
from tasks.operations import certificates as operations
from tasks.operations import managed_files
from tasks.settings import deploy

NAME = "melda-jupyter-{0}.crt"


@deploy("Certificates")
def certificates() -> None:
    path = host.data.ca_certificates
    found: List[bytes] = []
    if path:
        with open(path, "rb") as bundle:
            found = given_files.certificates_of(bundle.read())
    wanted = {f"{operations.FOLDER}/{NAME.format(number)}": text for number, text in enumerate(found, 1)}
    managed_list.keep(ManagedFile(path, text) for path, text in wanted.items())
    prefetch(FindFiles, path=operations.FOLDER + "/", fname=NAME.format("*"))
    prefetch(PathStats, paths=[*wanted, operations.PENDING, SYSTEM_BUNDLE])
    prefetch(LackingAuthorities, bundle=SYSTEM_BUNDLE)
    operations.trusted(
        name="Let the system trust the site's certificate authorities",
        wanted=wanted,
        ours=f"{operations.FOLDER}/{NAME.format('*')}",
    )
    # requests, and what is built on it, has a list of its own.
    managed_files.block(
        name="Let Python's requests trust what the system trusts",
        path=ENVIRONMENT,
        marker="melda-jupyter certificates",
        content=f"REQUESTS_CA_BUNDLE={SYSTEM_BUNDLE}\n" if found else "",
    )
