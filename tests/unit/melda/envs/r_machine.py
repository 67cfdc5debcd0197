"""A host with R, in a folder: apt behind bspm's service, a CRAN mirror, and an R that installs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from melda.base import users
from melda.config import environ
from melda.envs.restore import r
from melda.envs.restore.progress import Progress

from tests.fakes import cran_repository
from tests.unit.melda.envs.conftest import R, r_package

# Called as busctl --timeout=N call SERVICE PATH INTERFACE METHOD TYPES PID [COUNT NAME...]
BUSCTL = """\
shift 5
[ "$3" = $$ ] || { echo "not told who asks"; exit 9; }
echo "$1 $2" "$@" | cut -d' ' -f1,2,6- >> "$MACHINE/asked"
echo "Get:1 http://debian" >&2
case $1 in
  available) cat "$MACHINE/available" ;;
  install)
    shift 4
    if [ -e "$MACHINE/apt-fails" ]; then echo "Call failed: E: broken" | cut -d' ' -f3- >&2; exit 1; fi
    for name; do if [ -d "$MACHINE/apt/$name" ]; then cp -r "$MACHINE/apt/$name" "$MACHINE/system/"; fi; done ;;
  remove) shift 4; for name; do rm -r "$MACHINE/system/$name" || exit 1; done ;;
esac
"""
# Called as R CMD INSTALL --no-docs --library=FOLDER SOURCE
INSTALL = f"""\
library=${{4#--library=}}
if [ -f "$5" ]; then tar -C "$library" -xzf "$5"; exit; fi
name=$(sed -n 's/^Package: //p' "$5/DESCRIPTION")
echo "* installing *source* package $name"
if [ -e "$5/broken" ]; then echo "x.c:1: error: no"; exit 1; fi
mkdir -p "$library/$name"
{{ cat "$5/DESCRIPTION"; echo "Built: R {R}; ; 2026-01-01 00:00:00 UTC; unix"; }} > "$library/$name/DESCRIPTION"
echo "$name" >> "$MACHINE/compiled"
"""
RSCRIPT = r'printf "\n@@\n@@%s\n@@https://bioc\n@@3.16" "$(cat "$MACHINE/mirror")"'


class Machine:
    """What is on it.

    Args:
        root: where it is.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.library, self.system, self.files = root / "library", root / "system", root / "files"
        for folder in (self.library, self.system, self.files, root / "apt", root / "sources", root / "bin"):
            folder.mkdir()
        for name, text in (("busctl", BUSCTL), ("R", INSTALL), ("Rscript", RSCRIPT)):
            (root / "bin" / name).write_text("#!/bin/sh\n" + text)
            (root / "bin" / name).chmod(0o755)
        self.contrib = cran_repository.build(root / "cran")
        self.env = {"PATH": f"{root / 'bin'}:/usr/bin:/bin", "MACHINE": str(root)}
        self.apt_has()
        self.out = io.StringIO()
        self.progress = Progress(self.out)

    def apt_has(self, **versions: str) -> None:
        """Version of what apt offers, by name."""
        shown = " ".join(f'"{name};{version};Debian"' for name, version in versions.items())
        (self.root / "available").write_text(f"as {len(versions)} {shown}\n")
        for name, version in versions.items():
            r_package(self.root / "apt", name, version)

    def apt_fails(self) -> None:
        (self.root / "apt-fails").touch()

    def cran_has(self, name: str, version: str, imports: str = "", broken: bool = False) -> None:
        """A source among the archived ones."""
        source = cran_repository.write_source(self.root / "sources" / f"{name}-{version}", name, version, imports)
        if broken:
            (source / "broken").touch()
        cran_repository.archive(self.contrib, source)

    def mirror(self, url: str) -> None:
        """What R's option repos is."""
        (self.root / "mirror").write_text(url)

    def installer(self) -> r.Installer:
        """What is tested."""
        me = users.Account("melda", 1000, 1000, (1000,), str(self.root), "/bin/bash")
        place = environ.ImageLayout(me, str(self.root), str(self.root))
        library = r.Site(place, R, str(self.library), str(self.files), "x86_64")
        return r.Installer(library, self.env, self.progress)

    def install(self, *entries: dict[str, Any], there: tuple[str, ...] = ()) -> dict[str, str]:
        """Install, and count: each package is done once, however it went."""
        self.progress.start(len(entries))
        failures = self.installer().install(entries, set(there))
        assert self.progress.far == f"{len(entries)} of {len(entries)}"
        return failures

    def lines(self, name: str) -> list[str]:
        """What a program noted: ``asked`` of apt, ``compiled`` by R."""
        path = self.root / name
        return path.read_text().splitlines() if path.exists() else []

    @staticmethod
    def versions(library: Path) -> dict[str, str]:
        """What is in a library."""
        found = [r.r.read(str(path)) for path in library.iterdir()]
        return {fields["Package"]: fields["Version"] for fields in found if fields}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A host; its system's library is a folder of the test's."""
    found = Machine(tmp_path)
    monkeypatch.setattr(r.Installer, "_in_system", staticmethod(lambda name: [str(found.system / name)]))
    monkeypatch.setattr(r, "installs", lambda: False)
    return found
