"""``make refresh``: the list of R packages against CRAN's downloads.

The statistics are RStudio's CRAN logs, counted by https://cranlogs.r-pkg.org: ``/top/last-month/N`` gives the N packages that
were downloaded most, most downloaded first. It keeps a hundred, and answers with those whatever more it is asked for
(db/2-create.sql in https://github.com/r-hub/cranlogs.app).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
from melda.base.addresses import hide

from builder import build_folder, host
from builder.errors import BuildError, Parser, exit_code
from builder.preflight import shown
from tasks.packages import R_NAME, SETS, names

PACKAGES = Path(__file__).resolve().parent.parent / "files" / "packages"
URL = "https://cranlogs.r-pkg.org/top/last-month/{0}"
SECONDS = 30.0
MOST = 1000


class Difference(NamedTuple):
    """What the statistics and the lists do not have in common.

    Attributes:
        new: among the most downloaded and in no list, most downloaded first.
        gone: in a list and not among the most downloaded, as in the lists.
        both: how many are in both.
    """

    new: list[str]
    gone: list[str]
    both: int


def top(url: str) -> list[str]:
    """Return the most downloaded packages, each once, most downloaded first.

    Args:
        url: of the statistics.

    Raises:
        BuildError: the service does not answer, or with something else.
    """
    what = shown(url)
    try:
        answer = requests.get(url, timeout=SECONDS, verify=host.ca_bundle() or True)
    except requests.RequestException as error:
        # In words that have no password of a URL, and are one line.
        raise BuildError(f"{what} does not answer ({type(error).__name__}): --url names another place") from None
    if answer.status_code != 200:
        raise BuildError(f"{what} answers {answer.status_code}: --url names another place")
    try:
        found = [entry["package"] for entry in answer.json()["downloads"]]
    except (ValueError, KeyError, TypeError):
        raise BuildError(f"{what} answers with something that is no list of downloads") from None
    if not found or not all(isinstance(name, str) and R_NAME.fullmatch(name) for name in found):
        raise BuildError(f"{what} answers with something that is no list of packages: {json.dumps(found)[:80]}")
    return list(dict.fromkeys(found))


def difference(listed: list[str], downloaded: list[str]) -> Difference:
    """Compare the lists with the statistics."""
    return Difference(
        [name for name in downloaded if name not in listed],
        [name for name in listed if name not in downloaded],
        len(set(listed) & set(downloaded)),
    )


def added(text: str, new: list[str], count: int) -> str:
    """Return a list with packages at its end, under a comment that says why they are there."""
    return "".join([text.rstrip("\n"), f"\n# among CRAN's {count} most downloaded\n", *(f"{name}\n" for name in new)])


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"invalid {text!r}: expected a number from 1 to {MOST}")
    return int(text)


def _url(text: str) -> str:
    try:
        right = urlsplit(text).scheme in ("http", "https") and bool(urlsplit(text).hostname)
    except ValueError:
        right = False
    if not right:
        raise argparse.ArgumentTypeError(f"invalid {hide(text)!r}: expected an address such as {URL}")
    return text


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    parsed = Parser(prog="python -m builder.refresh", description=(__doc__ or "").splitlines()[0])
    parsed.add_argument("--count", type=_count, default=100, help="how many of the most downloaded to look at (100)")
    parsed.add_argument("--write", action="store_true", help="add the new ones to files/packages/r-datascience.txt")
    parsed.add_argument("--url", type=_url, default=URL, help="where the statistics are; {0} stands for the count")
    return parsed


def run(arguments: argparse.Namespace, folder: Path = PACKAGES) -> None:
    """Say the difference; write the list if asked.

    Raises:
        BuildError: see :func:`top`; or the list cannot be written.
    """
    files = [folder / f"r-{chosen}.txt" for chosen in SETS[1:]]
    listed = [name for file in files for name in names(file.read_bytes())]
    downloaded = top(arguments.url.replace("{0}", str(arguments.count)))[: arguments.count]
    found, count = difference(listed, downloaded), len(downloaded)
    if count < arguments.count:
        print(f"the service names {count}, asked for {arguments.count}")
    print(f"{found.both} of CRAN's {count} most downloaded packages are in the lists")
    print(f"new, in no list: {' '.join(found.new) or 'none'}")
    print(f"in a list, and not among them (they stay): {' '.join(found.gone) or 'none'}")
    if arguments.write and found.new:
        try:
            build_folder.write(files[-1], added(files[-1].read_text(), found.new, count))
        except OSError as error:
            raise BuildError(f"{files[-1]} cannot be written: {error.strerror}") from None
        print(f"{files[-1].name} has {len(found.new)} more; `make test-all` says whether apt has them and they load")


def main() -> int:
    """Command line; what a person can mend is one line and exit code 2."""

    def work() -> int:
        run(parser().parse_args())
        return 0

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
