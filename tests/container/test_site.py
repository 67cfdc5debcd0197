"""A site's own image FROM ours: programs of its own at a start, a package, configuration of Jupyter."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .services import running

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "your-own-image.md").read_text()
DOCKERFILE = re.findall(r"^```dockerfile\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0]
FILES = dict(
    re.findall(r"^`([a-z0-9./-]+)`:\n\n(?:<!--[^\n]*-->\n)?```[a-z]+\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
)


@pytest.fixture
def own(docker: str, image: str, tmp_path: Path) -> Iterator[str]:
    """The image of the page, without what needs a network."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o644)
    network = ("pip install", "site-ca.crt", "update-ca")
    lines = [line for line in DOCKERFILE.splitlines() if not any(word in line for word in network)]
    (tmp_path / "Dockerfile").write_text("\n".join([f"FROM {image}", *lines[1:]]))
    tag = "melda-test-own-image"
    build = [docker, "build", "--quiet", "--tag", tag, str(tmp_path)]
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    done = subprocess.run(build, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    try:
        yield tag
    finally:
        subprocess.run([docker, "image", "rm", "--force", tag], capture_output=True, check=False)


def test_what_the_page_says(docker: str, own: str) -> None:
    with running(docker, own, AWS_SECRET_ACCESS_KEY="CANARY-OF-THE-MOUNT") as service:
        assert service.run("stat -c %U:%G /run/site/prepared").strip() == "root:root"
        assert service.run("stat -c %U /home/melda/project/WELCOME.md").strip() == "melda"
        assert service.notebook.run("python3", "import sys, os; print(os.path.exists('WELCOME.md'))").stdout == "True\n"
        lines = service.lines()
        assert any(line.startswith("hooks as root: 10-site in") for line in lines), lines
        assert "CANARY" not in service.logs() + service.run("cat /run/site/prepared")
    # Not in there: where Jupyter runs, its port is taken before it shows anything.
    show = ("/opt/jupyter/bin/jupyter", "server", "--allow-root", "--show-config")
    done = subprocess.run([docker, "run", "--rm", own, *show], capture_output=True, text=True, check=False, timeout=120)
    assert "kernel_info_timeout = 600" in done.stdout, done.stdout + done.stderr
