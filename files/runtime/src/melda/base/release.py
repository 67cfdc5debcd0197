"""Which release of ours this is, and until when the distribution below it gets security updates."""

from __future__ import annotations

import datetime
from typing import Optional, Tuple

import melda
from melda.base import textfiles
from melda.base.paths import SUPPORT_ENDS

NAME = "Melda Jupyter"
UNSUPPORTED = "{release} has had no security updates since {date}: build the image on a newer base (docs/upgrading.md)"


def title() -> str:
    """Name and version, as ``--version`` prints them."""
    return f"{NAME} {melda.__version__}"


def distribution(path: str = SUPPORT_ENDS) -> Tuple[str, Optional[datetime.date]]:
    """Return the distribution release, and the last day of its security updates, as provisioning wrote them down.

    Args:
        path: of the file.

    Returns:
        Such as ``Debian 12`` and a date; an empty name and None where nothing was written down.
    """
    try:
        release, _, date = textfiles.read(path).strip().rpartition(" ")
        return release, datetime.date(*map(int, date.split("-")))
    except (OSError, ValueError, TypeError):
        return "", None


def line(today: datetime.date, path: str = SUPPORT_ENDS) -> str:
    """Return the log's first line.

    Args:
        today: the day of the start.
        path: as for :func:`distribution`.
    """
    release, date = distribution(path)
    if date is None:
        return title()
    return f"{title()} on {release}, " + (f"supported until {date}" if today <= date else "which is out of support")


def warning(today: datetime.date, path: str = SUPPORT_ENDS) -> str:
    """Return what is to be said of a release out of support; empty: nothing. Arguments as for :func:`line`."""
    release, date = distribution(path)
    return UNSUPPORTED.format(release=release, date=date) if date is not None and today > date else ""
