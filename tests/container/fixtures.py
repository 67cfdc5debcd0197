"""What the tests on containers and the attacks share: the engine, local bases, a provisioned container, the built image."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from filelock import FileLock

from builder import base as bases_of_builder
from builder import engine
from builder import image as images
from builder.settings import Settings, base_name
from tests.fakes import cran_repository, wheels
from tests.fakes.s3 import Server, serve_all
from tests.fakes.serve import Server as FileServer
from tests.fakes.serve import gateway

from .machines import ROOT, Machine, provision
from .projects import Project
from .services import BUCKET, Service, running

Machines = Callable[..., Machine]
IMAGE = "melda-test-core:latest"
BASE_IMAGE = base_name(IMAGE)
# One for this run of pytest: the workers of pytest-xdist have it for a parent.
IMAGE_WITH_BSPM = f"melda-test-bspm:{os.getppid() if 'PYTEST_XDIST_WORKER' in os.environ else os.getpid()}"
# What an engineer who builds an image may have in the environment; test_secrets.py looks for it in the image.
CANARIES = {
    "AWS_ACCESS_KEY_ID": "AKIACANARYOFTHEBUILD",
    "AWS_SECRET_ACCESS_KEY": "canary/secret/of+the+build",
    "AWS_SESSION_TOKEN": "canary-session-of-the-build",
    "JUPYTER_TOKEN": "canary-token-of-the-build",
}


# The files that take longest, longest first, so that no worker of pytest-xdist still has one when the others are done. The
# first two provision containers of their own, while the third builds the image that nearly all others wait for.
LONGEST = Path(__file__).with_name("longest.txt").read_text().split()


def rank(item: pytest.Item) -> int:
    """Return when the file of a test gets its turn; what everything else is for comes last."""
    name = item.path.stem.removeprefix("test_")
    return LONGEST.index(name) if name in LONGEST else len(LONGEST) + (name == "notebook")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    items.sort(key=rank)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the images that were built here, when no worker of pytest-xdist needs them any more."""
    if not hasattr(session.config, "workerinput") and engine.find():
        built = () if os.environ.get("MELDA_TEST_IMAGE") else (IMAGE, BASE_IMAGE)
        for name in (*built, IMAGE_WITH_BSPM):
            subprocess.run([engine.find(), "image", "rm", "--force", name], capture_output=True, check=False)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str, Callable[[], object]], None]:
    """Do something once for all workers of this run with ``once(name, action)``; the others wait for it.

    As pytest-xdist's documentation says it ("Making session-scoped fixtures execute only once").
    """
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def run(name: str, action: Callable[[], object]) -> None:
        done = shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                action()
                done.touch()

    return run


@pytest.fixture(scope="session")
def docker(once: Callable[[str, Callable[[], object]], None]) -> str:
    """A docker client that works, installed and started if this machine has none."""
    once("engine", engine.ready)
    return engine.ready()


@pytest.fixture(scope="session")
def bases(docker: str, once: Callable[[str, Callable[[], object]], None]) -> dict[str, str]:
    """Codename -> image of the base bootstrapped on this machine."""
    once("bases", lambda: [bases_of_builder.ensure(docker, base) for base in bases_of_builder.LOCAL])
    return {base.split(":")[1]: bases_of_builder.local_name(base) for base in bases_of_builder.LOCAL}


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key for ssh; its public key is beside it."""
    path = tmp_path_factory.mktemp("ssh") / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@pytest.fixture(scope="session")
def public_key(key: Path) -> str:
    """As SSH_AUTHORIZED_KEYS takes it."""
    return key.with_suffix(".pub").read_text().strip()


@pytest.fixture
def machines(docker: str) -> Iterator[Machines]:
    """Make containers with ``machines(image, options=, command=)``; they are removed when the test ends."""
    made: list[Machine] = []

    def make(image: str, options: tuple[str, ...] = (), command: tuple[str, ...] = ()) -> Machine:
        made.append(Machine(docker, image, options, command))
        return made[-1]

    yield make
    for machine in made:
        machine.remove()


@pytest.fixture
def serve(docker: str, image: str) -> Iterator[Callable[..., Service]]:
    """Run the image with ``serve(*options, VARIABLE="value")``; the containers are removed when the test ends."""
    made: list[Service] = []

    def run(*options: str, **values: str) -> Service:
        made.append(Service(docker, image, options, **values))
        return made[-1]

    yield run
    for service in made:
        service.remove()


@pytest.fixture
def s3(docker: str) -> Iterator[Server]:
    """An S3 service that containers reach."""
    with Server(gateway(docker=docker)) as server:
        yield server


@pytest.fixture(scope="module")
def module_s3(docker: str) -> Iterator[Server]:
    """The same for all tests of a module, with the bucket of the projects."""
    with Server(gateway(docker=docker)) as server:
        server.bucket(BUCKET)
        yield server


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In ``index`` an index for pip; beside it a wheel and R packages of the user's own, and pip's settings for /sources."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "index").mkdir()
    for name in ("zebra", "yak"):
        for version in ("1.0", "2.0"):
            files = {f"{name}/__init__.py": f"V = '{version}'\n"}
            wheels.build(folder / "index", name, version, files, hashed=True)
    # Takes a while, so that it can be interrupted.
    wheels.build(folder / "index", "slow", "1.0", {f"slow/m{number}.py": "x = 1\n" for number in range(3000)})
    wheels.build(folder, "owl", "3.0", {"owl/__init__.py": "V = '3.0'\n"}, hashed=True)
    cran_repository.write_source(folder, "meldazebra", "1.0")
    cran_repository.write_source(folder, "meldalocal", "0.1")
    (folder / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /sources/index\n")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def with_uv(sources: Path) -> Path:
    """The sources, with uv in the index."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(sources / "index")]
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "files" / "jupyter" / "uv.txt")], check=True)
    return sources


@pytest.fixture
def project(
    docker: str, image: str, module_s3: Server, sources: Path, request: pytest.FixtureRequest
) -> Iterator[Project]:
    """A project in the bucket; S3 answers again afterwards, and its containers are removed."""
    project = Project(docker, image, module_s3, sources, f"{request.node.nodeid.encode().hex()[-24:]}")
    yield project
    module_s3.judge = serve_all
    module_s3.answer()
    for service in project.made:
        service.remove()


@pytest.fixture(scope="module")
def service(docker: str, image: str) -> Iterator[Service]:
    """A container with a token, which the tests of a module leave running."""
    with running(docker, image) as found:
        yield found


@pytest.fixture(scope="session")
def base_image(request: pytest.FixtureRequest) -> str:
    """What Dockerfile.base makes of bookworm: built with :func:`image`; where that is not built, the bare bookworm."""
    if os.environ.get("MELDA_TEST_IMAGE"):
        return str(request.getfixturevalue("bases")["bookworm"])
    request.getfixturevalue("image")
    return BASE_IMAGE


@contextmanager
def provisioned_once(docker: str, image: str) -> Iterator[Machine]:
    """A container in which the deploy has run, without the curated packages."""
    machine = Machine(docker, image, command=("tail", "-f", "/dev/null"))
    try:
        done = provision(docker, f"@docker/{machine.name}", packages="none")
        assert done.code == 0, done.output
        yield machine
    finally:
        machine.remove()


@pytest.fixture(scope="session")
def provisioned(docker: str, base_image: str) -> Iterator[Machine]:
    """One for all tests that leave it as it was."""
    with provisioned_once(docker, base_image) as machine:
        yield machine


@pytest.fixture(scope="session")
def image(docker: str, once: Callable[[str, Callable[[], object]], None], request: pytest.FixtureRequest) -> str:
    """The image that ``make image PACKAGES=core`` builds on bookworm, under a name of the tests.

    MELDA_TEST_IMAGE names one that is there, to try a test without building.
    """
    if os.environ.get("MELDA_TEST_IMAGE"):
        return os.environ["MELDA_TEST_IMAGE"]
    # Only now: each base takes half a minute, and more.
    base = request.getfixturevalue("bases")["bookworm"]

    def build() -> None:
        with mock.patch.dict(os.environ, CANARIES):
            images.build(docker, "debian:bookworm", base, Settings(image=IMAGE, packages="core"))

    once("image", build)
    return IMAGE


@pytest.fixture(scope="session")
def image_with_bspm(
    docker: str,
    image: str,
    once: Callable[[str, Callable[[], object]], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """The image after a deploy that met a CRAN, and so with bspm: that costs as much as a build, and is done once.

    Its CRAN is gone; :func:`.machines.from_cran` names another.
    """

    def build() -> None:
        root = tmp_path_factory.mktemp("bspm")
        cran_repository.build(root)
        machine = Machine(docker, image, command=("tail", "-f", "/dev/null"))
        try:
            with FileServer(root, gateway(docker=docker)) as cran:
                done = provision(
                    docker, f"@docker/{machine.name}", packages="core", cran_mirror=cran.url, strict="true"
                )
            assert done.code == 0, done.output
            subprocess.run([docker, "commit", machine.name, IMAGE_WITH_BSPM], check=True, stdout=subprocess.DEVNULL)
        finally:
            machine.remove()

    once("bspm", build)
    return IMAGE_WITH_BSPM


@pytest.fixture
def builder() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``builder("image", "--packages", "core", VARIABLE="value")``: the builder as the Makefile calls it."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "builder", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
