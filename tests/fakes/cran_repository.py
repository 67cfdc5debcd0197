"""A CRAN-like repository: what install.packages() needs to find and install source packages.

The layout is in "Writing R Extensions"' companion, "R Installation and Administration", section 6.6:
https://cran.r-project.org/doc/manuals/r-release/R-admin.html#Setting-up-a-package-repository
"""

from __future__ import annotations

import email
import gzip
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
# Set to a tarball of the real bspm, it is served in place of our stand-in.
REAL_BSPM = "MELDA_TEST_BSPM"
# What install.packages() reads of a DESCRIPTION in an index.
INDEXED = ("Package", "Version", "Depends", "Imports", "LinkingTo", "License", "OS_type", "NeedsCompilation")


def _fields(text: bytes) -> dict[str, str]:
    # A DESCRIPTION may be in another encoding; what the index takes of it is ASCII.
    decoded = text.decode(errors="replace")
    return {key: " ".join(value.split()) for key, value in email.message_from_string(decoded).items()}


def description(tarball: Path) -> dict[str, str]:
    """Fields of the DESCRIPTION in a source tarball.

    Raises:
        ValueError: it is no tarball of an R source package.
    """
    try:
        with tarfile.open(tarball) as archive:
            name = next(
                name
                for name in archive.getnames()
                if name.removeprefix("./").count("/") == 1 and name.endswith("/DESCRIPTION")
            )
            member = archive.extractfile(name)
            fields = _fields(member.read()) if member else {}
    except (OSError, tarfile.TarError, StopIteration) as error:
        raise ValueError(f"{str(tarball)!r} is no tarball of an R source package: {error}") from error
    if not {"Package", "Version"} <= fields.keys():
        raise ValueError(f"{str(tarball)!r}: its DESCRIPTION has no Package and Version")
    return fields


def write_source(parent: Path, name: str, version: str, imports: str = "") -> Path:
    """Write the source of an R package without C that exports standin_version(); return its directory."""
    source = parent / name
    (source / "R").mkdir(parents=True)
    fields = {
        "Package": name,
        "Version": version,
        "Title": "Stand-in for a Test",
        "Description": "Exports standin_version().",
        "License": "MIT",
        "Imports": imports,
        "NeedsCompilation": "no",
        "Author": "melda-test",
        "Maintainer": "melda-test <melda-test@example.org>",
    }
    (source / "DESCRIPTION").write_text("".join(f"{key}: {value}\n" for key, value in fields.items() if value))
    (source / "NAMESPACE").write_text("export(standin_version)\n")
    (source / "R" / "version.R").write_text(f'standin_version <- function() "{version}"\n')
    return source


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if "__pycache__" in member.name:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _pack(source: Path, contrib: Path) -> None:
    fields = _fields((source / "DESCRIPTION").read_bytes())
    tarball = contrib / f"{fields['Package']}_{fields['Version']}.tar.gz"
    with tempfile.TemporaryDirectory(prefix="melda-test-cran-") as directory:
        copy = Path(directory) / fields["Package"]
        shutil.copytree(source, copy)
        # CRAN says in each package that it is from there.
        output = (source / "DESCRIPTION").read_bytes()
        (copy / "DESCRIPTION").write_bytes(output.rstrip(b"\n") + b"\nRepository: CRAN\n")
        # R warns of pax headers, Python's default.
        with tarfile.open(tarball, "w:gz", format=tarfile.USTAR_FORMAT) as archive:
            archive.add(copy, fields["Package"], filter=_plain)


def archive(contrib: Path, source: Path) -> None:
    """Pack the source of a former version where CRAN has it: not in the index, and in no other way to be found."""
    name = _fields((source / "DESCRIPTION").read_bytes())["Package"]
    folder = contrib / "Archive" / name
    folder.mkdir(parents=True, exist_ok=True)
    _pack(source, folder)


def build(root: Path, sources: Iterable[Path] = ()) -> Path:
    """Make a repository with bspm, meldapure (R alone), meldanative (C, imports meldapure) and ``sources``.

    Args:
        root: a directory, made if missing; served, its URL is what ``repos`` takes.
        sources: directories of R source packages, for instance from :func:`write_source`.

    Returns:
        src/contrib in it.

    Raises:
        ValueError: the environment's MELDA_TEST_BSPM names no tarball of bspm.
    """
    contrib = root / "src" / "contrib"
    contrib.mkdir(parents=True)
    real = os.environ.get(REAL_BSPM)
    if real:
        found = description(Path(real))
        if found["Package"] != "bspm":
            raise ValueError(f"{REAL_BSPM}={real!r} is the package {found['Package']!r}, not bspm")
        shutil.copyfile(real, contrib / f"bspm_{found['Version']}.tar.gz")
    else:
        _pack(HERE / "bspm", contrib)
    with tempfile.TemporaryDirectory(prefix="melda-test-cran-") as directory:
        pure = write_source(Path(directory), "meldapure", "1.0.0")
        for source in (pure, HERE / "meldanative", *sources):
            _pack(source, contrib)
    _write_index(contrib)
    return contrib


def add(contrib: Path, tarballs: Iterable[Path]) -> list[str]:
    """Put source tarballs of any name and compression into a repository.

    Args:
        contrib: what :func:`build` returned.
        tarballs: with one folder at their top; what holds no R package is left out.

    Returns:
        The packages' names.

    Raises:
        CalledProcessError: a tarball is none, or would write elsewhere.
    """
    names = []
    for tarball in sorted(tarballs):
        with tempfile.TemporaryDirectory(prefix="melda-test-cran-") as directory:
            # Not Python's: Debian 12's has no filter yet. tar writes nothing outside of the folder.
            subprocess.run(
                ["tar", "--extract", "--no-same-owner", "--file", tarball, "--directory", directory], check=True
            )
            (source,) = Path(directory).iterdir()
            if (source / "DESCRIPTION").exists():
                _pack(source, contrib)
                names.append(_fields((source / "DESCRIPTION").read_bytes())["Package"])
    _write_index(contrib)
    return names


def _write_index(contrib: Path) -> None:
    entries = [description(tarball) for tarball in sorted(contrib.glob("*.tar.gz"))]
    text = "\n".join("".join(f"{key}: {entry[key]}\n" for key in INDEXED if key in entry) for entry in entries).encode()
    (contrib / "PACKAGES").write_bytes(text)
    (contrib / "PACKAGES.gz").write_bytes(gzip.compress(text, mtime=0))
