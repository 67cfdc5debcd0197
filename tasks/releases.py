"""The one table of what differs between distribution releases.

Sources: r2u's README (suites, architectures; focal archived since July 2025, still served), the Release files
of each repository, Debian's and Ubuntu's release notes (Python), the package distro-info-data (end of support). A
release without a row is refused.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Tuple


class Release(NamedTuple):
    """Facts about one release.

    Attributes:
        distribution: the ``ID`` of os-release, as ``/versions`` names it (``Ubuntu``, ``Debian``).
        version: the ``VERSION_ID`` of os-release.
        python: minor version of the distribution's ``/usr/bin/python3``; names the lock that fits.
        pyinfra: newest pyinfra that runs on that Python, for a deploy that runs inside the image.
        support_ends: last day of the security updates that everybody gets: Ubuntu's standard support, Debian's LTS.
        r2u_suite: suite of the r2u repository, ``None`` where r2u has none (Debian).
        r2u_architectures: Debian architectures that suite serves.
        r_suite: CRAN's apt suite with the R that r2u's packages are built for, ``None`` where the
            distribution's own R is the one its r-cran-* packages are built for.
    """

    distribution: str
    version: str
    python: str
    pyinfra: str
    support_ends: str
    r2u_suite: Optional[str] = None
    r2u_architectures: Tuple[str, ...] = ()
    r_suite: Optional[str] = None


RELEASES: Dict[str, Release] = {
    "focal": Release("Ubuntu", "20.04", "3.8", "3.2", "2025-05-29", "focal", ("amd64",), "focal-cran40"),
    "jammy": Release("Ubuntu", "22.04", "3.10", "3.10.0", "2027-06-01", "jammy", ("amd64",), "jammy-cran40"),
    "noble": Release("Ubuntu", "24.04", "3.12", "3.10.0", "2029-05-31", "noble", ("amd64", "arm64"), "noble-cran40"),
    "resolute": Release(
        "Ubuntu", "26.04", "3.14", "3.10.0", "2031-05-29", "resolute", ("amd64", "arm64"), "resolute-cran40"
    ),
    "bullseye": Release("Debian", "11", "3.9", "3.5", "2026-08-31"),
    "bookworm": Release("Debian", "12", "3.11", "3.10.0", "2028-06-30"),
    "trixie": Release("Debian", "13", "3.13", "3.10.0", "2030-06-30"),
}
