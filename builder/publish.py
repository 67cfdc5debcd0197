"""``make publish``: tags that say what is inside, given to the image and pushed to a repository."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

from builder import build_folder, compare, manifest, tags
from builder import docker as client
from builder.errors import BuildError

_DIGEST = re.compile(r"\bdigest: (sha256:[0-9a-f]{64})\b")


def require(described: dict[str, Any]) -> None:
    """With STRICT=1: an image anybody can build again, with nothing skipped.

    Raises:
        BuildError: it is not.
    """
    image, revision = described["image"], described["revision"]
    if described["omitted"]:
        raise BuildError(f"STRICT=1 and {image} was built without: {'; '.join(described['omitted'])}")
    if not revision or revision.endswith("-dirty"):
        raise BuildError(f"STRICT=1 and {image} was built from what no commit holds (revision {revision or 'unknown'})")


def _push(docker: str, name: str) -> str:
    """Push one name and return its digest."""
    done = subprocess.run([docker, "push", name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"docker push {name} failed: {client.reason(done.stderr)}")
    found = _DIGEST.search(done.stdout)
    if not found:
        raise BuildError(f"docker push {name} named no digest: {client.reason(done.stdout)}")
    return found[1]


def _changes(described: dict[str, Any], release: str) -> None:
    """Write what changed since the image that was published last, of this repository and this release."""
    last = manifest.paths(f"{described['repository']}_{release}", build_folder.FOLDER / "published")[1]
    if last.exists():
        try:
            for path in compare.write(compare.compare(compare.load("", str(last), "OLD"), described)):
                print(f"changes  {path}", flush=True)
        except BuildError as error:  # it is pushed by now
            print(f"changes  unknown: {error}", flush=True)
    build_folder.write(last, json.dumps(described, indent=1, ensure_ascii=False) + "\n")


def publish(docker: str, image: str, repository: str, strict: bool) -> tuple[dict[str, Any], list[str]]:
    """Tag an image with what is inside, push every tag, and write its manifest.

    Whoever pushes logged in before (``docker login``): no password passes through here.

    Args:
        strict: refuse an image of which something was skipped, or of no commit.

    Returns:
        The manifest, with the repository and the digest the registry gave; the names that were pushed.

    Raises:
        BuildError: the image is not there or not ours, or a push failed.
    """
    described = manifest.describe(docker, image)
    if strict:
        require(described)
    names = [f"{repository}:{tag}" for tag in described["tags"]]
    for name in names:
        client.call(docker, "tag", described["id"], name)
    digests = {_push(docker, name) for name in names}
    if len(digests) != 1:
        raise BuildError(f"{repository} gave one image several digests: {', '.join(sorted(digests))}")
    described |= {"repository": repository, "digest": digests.pop(), "layers": compare.layers(docker, described["id"])}
    manifest.write(described)
    _changes(described, tags.inside(described["versions"]).split("_")[0])
    return described, names
