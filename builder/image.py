"""``make image``: both images, under their final names only when all went well."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import melda
from melda.base.paths import IMAGE, OMITTED, SHARE, SUPPORT_ENDS

from builder import docker as client
from builder import overrides, screen
from builder.errors import BuildError
from builder.settings import Settings, base_name

ROOT = Path(__file__).resolve().parent.parent


def notes(docker: str, image: str) -> dict[str, str]:
    """Return the path -> text of what the deploy wrote about an image into it.

    Raises:
        BuildError: there is no such image, or it cannot be read.
    """
    with client.created(docker, image) as container:
        copied = subprocess.run([docker, "cp", f"{container}:{SHARE}", "-"], capture_output=True, check=False)
    if copied.returncode:
        raise BuildError(
            f"docker cp of {image}:{SHARE} failed: {client.reason(copied.stderr.decode(errors='replace'))}"
        )
    with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
        return {
            f"{os.path.dirname(SHARE)}/{member.name}": content.read().decode()
            for member in archive
            if (content := archive.extractfile(member))
        }


def _git(*arguments: str) -> tuple[str, str]:
    """Return what git says of this work tree, and why it says nothing."""
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        return "", f"git: {error.strerror}"
    return done.stdout.strip(), done.stderr.strip().partition("\n")[0].removeprefix("fatal: ")


def _described() -> tuple[str, str]:
    return _git("describe", "--always", "--abbrev=40", "--dirty", "--exclude=*")


def revision() -> str:
    """Return the commit that is built, marked if the work tree differs from it; empty if git does not know."""
    return _described()[0]


def tell_revision() -> None:
    """Say why the image will name no commit. Before a build: none that has taken minutes ends without it."""
    found, why = _described()
    if not found:
        screen.say(f"NOTE: the image names no commit: {why or 'git says nothing'}")


def source(url: str) -> str:
    """Return what a browser opens for a git remote; empty for a folder, or an address that holds a password."""
    found = re.fullmatch(r"(?:https?://|ssh://)?(?:git@)?([\w.-]+\.[a-z]+)[:/]([\w./~-]+?)(?:\.git)?/?", url)
    return f"https://{found[1]}/{found[2]}" if found else ""


def remote() -> str:
    """Return the git remote this work tree came from; empty if there is none."""
    return _git("config", "--get", "remote.origin.url")[0]


def labels(base: str, created: str, left_out: list[str], support_ends: str = "") -> dict[str, str]:
    """OCI's labels (https://github.com/opencontainers/image-spec/blob/main/annotations.md) and ours.

    Args:
        base: name of the base.
        created: when the image was built. Not when it gets its label: the same image built again stays the same.
        left_out: what was skipped, a line each.
        support_ends: last day of the security updates of the distribution below it.
    """
    origin = source(remote())
    return {
        **({"org.opencontainers.image.source": origin} if origin else {}),
        "org.opencontainers.image.title": "Melda Jupyter",
        "org.opencontainers.image.version": melda.__version__,
        "org.opencontainers.image.licenses": "MIT",
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.revision": revision(),
        "org.opencontainers.image.base.name": base,
        "io.melda.omitted": "; ".join(left_out),
        "io.melda.support-ends": support_ends,
    }


def inside(base: str, created: str) -> str:
    """Return what an image knows of itself: its containers see no labels, and note in the project what they ran on.

    Args:
        base: name of the base.
        created: when the image was built.
    """
    return (
        json.dumps({"version": melda.__version__, "revision": revision(), "base": base, "created": created}, indent=1)
        + "\n"
    )


@contextmanager
def temporary(docker: str, *kinds: str) -> Iterator[list[str]]:
    """Names for images under construction; whatever has one of them at the end loses it."""
    # Two builds in containers of their own may have one number of a process, and one engine.
    mark = uuid.uuid4().hex
    names = [f"melda-jupyter-unfinished:{kind}-{mark}" for kind in kinds]
    try:
        yield names
    finally:
        for name in names:
            subprocess.run([docker, "image", "rm", "--force", name], capture_output=True, check=False)


def label(docker: str, unlabelled: str, labelled: str, base: str, knows: bool = True) -> None:
    """Give an image its labels, now that what was skipped is known.

    Args:
        unlabelled, labelled: names of the image, and of the result.
        base: what the base is called in the label.
        knows: does the image itself get to know what it is, for the projects that run on it?
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = f"COPY image.json {IMAGE}\n" if knows else ""
        (Path(folder) / "Dockerfile").write_text(f"FROM {unlabelled}\n{copy}")
        created = client.inspect(docker, "image", unlabelled)["Created"]
        own = Path(folder) / "image.json"
        own.write_text(inside(base, created))
        own.chmod(0o644)
        when = datetime.fromisoformat(created).timestamp()
        os.utime(own, (when, when))  # the same image built again stays the same
        found = notes(docker, unlabelled)
        ends = found.get(SUPPORT_ENDS, "").strip().rpartition(" ")[2]
        left_out = [line for line in found.get(OMITTED, "").splitlines() if line.strip()]
        output = labels(base, created, left_out, ends)
        options = [part for key, value in output.items() for part in ("--label", f"{key}={value}")]
        client.call(docker, "build", "--quiet", "--tag", labelled, *options, folder)


def build(docker: str, base: str, base_image: str, chosen: Settings, mirror: str = "") -> None:
    """Build the image, and its base on the way under a name of its own.

    Args:
        base: what the base is called in the label.
        base_image: its image.
        chosen: what to build.
        mirror: image of what ``make mirror`` fetched, from which everything comes; empty: all comes from the network.

    Raises:
        BuildError: a build failed; the names still mean what they meant before.
    """
    image, asked = chosen.image, overrides.arguments(chosen.data, strict=chosen.strict)
    more = overrides.to_build(chosen.data, offline=bool(mirror))
    from_mirror = {"MIRROR": mirror} if mirror else {}
    file, of_base = str(ROOT / "Dockerfile.base"), {"BASE": base_image, **overrides.image_arguments(chosen.data)}
    names = ("tools", "system", "base", "base-labelled", "image", "labelled")
    with temporary(docker, *names) as (tools, system, raw_base, labelled_base, raw, labelled):
        settings = {**of_base, "PROVISION_DATA": asked, **from_mirror}
        # The image begins where the base has nothing yet that changes often: what is above is built again with it.
        for tag, target, title in (
            (tools, "tools", "fetch what builds both images"),
            (system, "system", f"build what {base_name(image)} begins with"),
            (raw_base, "", f"build {base_name(image)}"),
        ):
            with screen.step(title):
                client.build(docker, file, tag, settings, str(ROOT), more, target)
        settings = {
            "BASE_IMAGE": system,
            "TOOLS": tools,
            "PROVISION_DATA": f"packages={chosen.packages} {asked}".strip(),
        }
        with screen.step(f"build {image}: packages {chosen.packages}"):
            client.build(docker, str(ROOT / "Dockerfile"), raw, {**settings, **from_mirror}, str(ROOT), more)
        with screen.step("label both images"):
            label(docker, raw_base, labelled_base, base, knows=False)
            label(docker, raw, labelled, base)
        client.call(docker, "tag", labelled_base, base_name(image))
        client.call(docker, "tag", labelled, image)


def summary(docker: str, image: str) -> str:
    """Name, size and what was skipped, for the end of a build."""
    found = client.inspect(docker, "image", image)
    left_out = found["Config"]["Labels"].get("io.melda.omitted", "")
    lines = [f"image    {image}", f"size     {found['Size'] / 1e9:.2f} GB"]
    lines += [f"omitted  {line}" for line in left_out.split("; ") if line] or ["omitted  nothing"]
    return "\n".join(lines)
