"""A signed apt repository like r2u's, with R packages that load, made without R or apt on this machine.

Facts about r2u (Origin, Label, component): https://eddelbuettel.github.io/r2u/. The repository format:
https://wiki.debian.org/DebianRepository/Format. Needs dpkg-deb and gpg (tests/host-packages.txt).
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from types import TracebackType

from tests.fakes import rds

ORIGIN = "CRAN-Apt Project"
LABEL = "CRAN-Apt Packages"
# Old enough for every R a test meets (R refuses packages built before 4.0.0), and never newer than it.
BUILT = "4.0.0"


class SigningKey:
    """A throw-away ed25519 key in a GNUPGHOME of its own, gone at the end of the ``with`` block."""

    def __init__(self, name: str = "melda-test") -> None:
        # Not under pytest's tmp_path: the agent's socket path must be shorter than 108 bytes.
        self._home = tempfile.mkdtemp(prefix="melda-test-gpg-")
        user = f"{name} <{name}@example.org>"
        self._gpg("--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", "never")
        shown = self._gpg("--with-colons", "--list-keys").decode()
        self.fingerprint = next(line.split(":")[9] for line in shown.splitlines() if line.startswith("fpr:"))
        self.armored = self._gpg("--armor", "--export").decode()

    def _gpg(self, *arguments: str) -> bytes:
        command = ["gpg", "--homedir", self._home, "--batch", "--yes", "--quiet", "--no-tty", *arguments]
        done = subprocess.run(command, check=False, capture_output=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def sign(self, release: Path) -> None:
        """Write InRelease and Release.gpg beside a Release file, over the ones that are there."""
        self._gpg("--clearsign", "--output", str(release.with_name("InRelease")), str(release))
        self._gpg("--armor", "--detach-sign", "--output", str(release.with_name("Release.gpg")), str(release))

    def __enter__(self) -> SigningKey:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(
            ["gpgconf", "--homedir", self._home, "--kill", "gpg-agent"],
            check=False,
            stderr=subprocess.DEVNULL,
        )
        shutil.rmtree(self._home, ignore_errors=True)


@dataclass(frozen=True)
class Package:
    """One version of a binary package of the R package ``name``.

    Attributes:
        name: R's name; apt's is r-cran- and this in lower case.
        version: apt's version ("1.2.3-1.ca2004.1"); what stands before the last "-" is R's.
        depends, recommends: apt dependencies.
        architecture: "all" or a Debian architecture.

    The R package exports one function, ``standin_version()``, and nothing else: under the name of a package
    that others use (jsonlite, say) it breaks them.
    """

    name: str
    version: str
    depends: tuple[str, ...] = ("r-base-core",)
    recommends: tuple[str, ...] = ()
    architecture: str = "all"

    @property
    def apt_name(self) -> str:
        return f"r-cran-{self.name.lower()}"

    @property
    def r_version(self) -> str:
        return self.version.rpartition("-")[0] or self.version


@dataclass(frozen=True)
class Repository:
    """A repository on disk: ``root`` is what a sources file's URI stands for."""

    root: Path
    suite: str
    architecture: str
    key: SigningKey

    @property
    def release(self) -> Path:
        return self.root / "dists" / self.suite / "Release"


def host_architecture() -> str:
    """Debian's name for this machine's architecture, which its containers have too."""
    asked = subprocess.run(["dpkg", "--print-architecture"], stdout=subprocess.PIPE, check=True, encoding="utf-8")
    return asked.stdout.strip()


def _write_r_package(library: Path, package: Package) -> None:
    built = {"R": BUILT, "Platform": "", "Date": "2020-04-24 00:00:00 UTC", "OStype": "unix"}
    description = {
        "Package": package.name,
        "Version": package.r_version,
        "Title": "Stand-in for a Test",
        "Description": "Exports standin_version().",
        "License": "MIT",
        "Built": "; ".join(built.values()),
    }
    home = library / package.name
    (home / "Meta").mkdir(parents=True)
    (home / "R").mkdir()
    (home / "DESCRIPTION").write_text("".join(f"{key}: {value}\n" for key, value in description.items()))
    (home / "NAMESPACE").write_text("export(standin_version)\n")
    (home / "R" / package.name).write_text(f'standin_version <- function() "{package.version}"\n')
    info: rds.Value = {
        "DESCRIPTION": description,
        "Built": {key: [value] for key, value in built.items()},
        "Depends": {},
        "Suggests": {},
        "Imports": {},
    }
    (home / "Meta" / "package.rds").write_bytes(rds.dump(info))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _build_deb(pool: Path, package: Package) -> tuple[Path, str]:
    """Build one .deb in ``pool``; return it and its control paragraph."""
    fields = {
        "Package": package.apt_name,
        "Version": package.version,
        "Architecture": package.architecture,
        "Maintainer": "melda-test <melda-test@example.org>",
        "Section": "gnu-r",
        "Priority": "optional",
        "Depends": ", ".join(package.depends),
        "Recommends": ", ".join(package.recommends),
        "Description": f"stand-in for the R package {package.name}",
    }
    control = "".join(f"{key}: {value}\n" for key, value in fields.items() if value)
    with tempfile.TemporaryDirectory(prefix="melda-test-deb-") as directory:
        tree = Path(directory)
        tree.chmod(0o755)
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN" / "control").write_text(control)
        _write_r_package(tree / "usr" / "lib" / "R" / "site-library", package)
        deb = pool / f"{package.apt_name}_{package.version.replace(':', '%3a')}_{package.architecture}.deb"
        # gzip, which every release's dpkg reads; Ubuntu's default (zstd) is unknown to Debian 11's.
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(deb)],
            stdout=subprocess.DEVNULL,
            check=True,
        )
    return deb, control


def build(
    root: Path,
    suite: str,
    packages: Iterable[Package],
    key: SigningKey,
    origin: str = ORIGIN,
    label: str = LABEL,
) -> Repository:
    """Make a signed repository with one component, main, for this machine's architecture.

    Args:
        root: a directory, made if missing; what a sources file's URI stands for.
        suite: "focal", say. Suite and Codename alike, as r2u has it.
        packages: several versions of one name may be among them.
        key: signs it.
        origin, label: r2u's; others make a neighbour that a pin on r2u must leave alone.
    """
    architecture = host_architecture()
    repository = Repository(root, suite, architecture, key)
    pool = root / "pool" / "dists" / suite / "main"
    index = repository.release.parent / "main" / f"binary-{architecture}"
    pool.mkdir(parents=True)
    index.mkdir(parents=True)
    paragraphs = []
    for package in packages:
        deb, control = _build_deb(pool, package)
        size = deb.stat().st_size
        paragraphs.append(f"{control}Filename: {deb.relative_to(root)}\nSize: {size}\nSHA256: {_sha256(deb)}\n")
    listing = "\n".join(paragraphs).encode()
    (index / "Packages").write_bytes(listing)
    (index / "Packages.gz").write_bytes(gzip.compress(listing, mtime=0))
    release = repository.release
    sums = "".join(
        f" {_sha256(path)} {path.stat().st_size} {path.relative_to(release.parent)}\n"
        for path in sorted(index.iterdir())
    )
    date = formatdate(usegmt=True).replace("GMT", "UTC")
    release.write_text(
        f"Origin: {origin}\nLabel: {label}\nSuite: {suite}\nCodename: {suite}\nDate: {date}\n"
        f"Architectures: {architecture}\nComponents: main\nDescription: stand-in for tests\nSHA256:\n{sums}"
    )
    key.sign(release)
    return repository


def twin(repository: Repository, root: Path, key: SigningKey) -> Repository:
    """The same repository, file by file, signed with another key."""
    shutil.copytree(repository.root, root)
    copy = Repository(root, repository.suite, repository.architecture, key)
    key.sign(copy.release)
    return copy


def sources(repository: Repository, url: str, keyring: str) -> str:
    """A deb822 sources file for a container.

    Args:
        url: where ``repository.root`` is served.
        keyring: path of the armored key in the container.
    """
    return (
        f"Types: deb\nURIs: {url}\nSuites: {repository.suite}\nComponents: main\n"
        f"Architectures: {repository.architecture}\nSigned-By: {keyring}\n"
    )
