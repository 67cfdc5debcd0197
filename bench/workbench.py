"""What the rows share: the engine, the base, a copy of the tree, and names under which everything made is found again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder import docker as client
from builder.errors import BuildError

ROOT = Path(__file__).resolve().parent.parent
# What is measured, and nothing that may change or weigh without a reason.
_COPIED = (
    ".dockerignore",
    "Dockerfile.base",
    "Dockerfile",
    "config.py",
    "deploy.py",
    "group_data",
    "tasks",
    "files",
    "builder",
    "bench",
)
_IGNORED = shutil.ignore_patterns(".*_cache", "__pycache__", "results.*", "charts")


@dataclass(frozen=True)
class Workbench:
    """Settings of one run.

    Attributes:
        docker: path of a docker client that can build.
        base_image: image that everything starts from.
        ca: path of a CA bundle for downloads, or empty.
        tree: copy of the repository; others may go on editing theirs.
        token: part of the name of everything this run makes.
    """

    docker: str
    base_image: str
    ca: str
    tree: Path
    token: str

    @property
    def environment(self) -> dict[str, str]:
        """For programs that look for a docker client on PATH and a CA bundle in SSL_CERT_FILE."""
        found = {**os.environ, "PATH": f"{Path(self.docker).parent}:{os.environ['PATH']}"}
        found.pop("PYTHONDONTWRITEBYTECODE", None)  # pyinfra and Ansible are started again and again, as by their users
        return {**found, "SSL_CERT_FILE": self.ca} if self.ca else found

    def run(self, what: str, command: list[str], cwd: Path | None = None, **environment: str) -> str:
        """Output and errors of a command.

        Args:
            what: what it does, for the message when it fails.
            command: program and arguments.
            cwd: its folder; the copied tree unless given.
            environment: variables on top of :attr:`environment`.

        Raises:
            BuildError: it failed; its last lines are printed.
        """
        done = subprocess.run(
            command,
            cwd=cwd or self.tree,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            print("\n".join(done.stdout.splitlines()[-30:]), flush=True)
            raise BuildError(f"{what} failed with exit code {done.returncode}: the line that says why is above")
        return done.stdout

    def image(self) -> str:
        """Return the image with the curated packages of ``core``, built from the tree when it is first asked for."""
        tags = {name: f"{self.token}-{name}" for name in ("app-base", "app")}
        if client.exists(self.docker, "image", tags["app"]):
            return tags["app"]
        print("    building the image", flush=True)
        for tag, dockerfile, arguments in (
            (tags["app-base"], "Dockerfile.base", {"BASE": self.base_image}),
            (tags["app"], "Dockerfile", {"BASE_IMAGE": tags["app-base"], "PROVISION_DATA": "packages=core"}),
        ):
            self.build(dockerfile, tag, arguments)
        return tags["app"]

    def build(self, dockerfile: str, tag: str, arguments: dict[str, str], *options: str) -> None:
        """Build an image from the tree, as :func:`builder.docker.build` does."""
        command = client.build_command(self.docker, dockerfile, tag, arguments, {"ca": self.ca}, self.environment)
        self.run(f"building {dockerfile}", [*command, *options, "."], DOCKER_BUILDKIT="1")

    def python(self) -> str:
        """Return the image's Python, as X.Y.Z."""
        code = "import platform; print(platform.python_version())"
        return client.call(self.docker, "run", "--rm", self.image(), "python3", "-c", code).strip()

    def put(self, container: str, path: str, text: str) -> None:
        """Write a file in a container that all may read."""
        with tempfile.NamedTemporaryFile("w") as stream:
            stream.write(text)
            stream.flush()
            client.call(self.docker, "cp", stream.name, f"{container}:{path}")
        client.call(self.docker, "exec", container, "chmod", "644", path)

    def wait(self, container: str, text: str, seconds: float = 60.0) -> None:
        """Wait until a container's log holds ``text``.

        Raises:
            BuildError: it does not within ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while text not in self.run("reading the log", [self.docker, "logs", container]):
            if time.monotonic() > deadline:
                raise BuildError(f"{container} does not say {text!r}")
            time.sleep(0.05)

    @contextmanager
    def container(
        self, name: str, image: str = "", command: str = "tail -f /dev/null", options: Sequence[str] = ()
    ) -> Iterator[str]:
        """A running container, removed at the end. Gives its name.

        Args:
            name: a word for its name.
            image: the base unless given.
            command: what runs in it; nothing unless given.
            options: of ``docker run``.
        """
        full = f"{self.token}-{name}"
        client.call(
            self.docker, "run", "--detach", "--name", full, *options, image or self.base_image, *command.split()
        )
        try:
            yield full
        finally:
            subprocess.run([self.docker, "rm", "--force", "--volumes", full], capture_output=True, check=False)

    def remove_images(self) -> None:
        """Remove the images of this run, and of the build cache what only they used."""
        found = client.call(self.docker, "image", "ls", "--quiet", f"{self.token}*").split()
        if found:
            subprocess.run([self.docker, "image", "rm", "--force", *found], capture_output=True, check=False)
        left = self._cache()
        while left:
            # One record at a time, by its number: the cache belongs to others too. A parent goes only after its children.
            for record in left:
                prune = [self.docker, "builder", "prune", "--all", "--force", "--filter", f"id={record}"]
                subprocess.run(prune, capture_output=True, check=False)
            before, left = left, self._cache()
            if left == before:
                print(f"    note: {len(left)} records of the build cache are in use and stay", flush=True)
                return

    def _cache(self) -> set[str]:
        """Numbers of the build cache's records whose command holds the token, and of all that stand on them."""
        output = client.call(self.docker, "system", "df", "--verbose", "--format", "{{json .BuildCache}}")
        return records(json.loads(output) or [], self.token)


def records(cache: list[dict[str, str]], token: str) -> set[str]:
    """Numbers of the records of a build cache that hold ``token`` in their description, with all their descendants.

    Args:
        cache: as the engine lists it; a COPY or WORKDIR has no command of its own, just a parent.
        token: what to look for.
    """
    found = {record["ID"] for record in cache if token in record["Description"]}
    while more := {record["ID"] for record in cache if record["Parent"] in found} - found:
        found |= more
    return found


def copy(folder: Path) -> Path:
    """Copy what is measured into ``folder`` and return it."""
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=_IGNORED)
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder
