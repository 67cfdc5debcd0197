"""What lies in a work tree by chance is not installed, and enters no build; what the project has does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks.lib import managed_files, stray

ROOT = Path(__file__).resolve().parents[3]
CONTEXT = (
    "deploy.py",
    "inventory.py",
    "group_data",
    "tasks",
    "files",
    "builder/provision",
    "builder/record",
    "builder/pyinfra",
)
CHANCE = (
    ".env", ".env.local", "prod.env", ".netrc", "netrc", "_netrc", "id_rsa", "id_ed25519.pub", "ca.pem",
    "server.key", "store.p12", "store.pfx", "vault.kdbx", "AuthKey.p8", "a.ppk", "credentials", "credentials.json",
    "aws-credentials.csv", "secrets.yml", "client_secret.json", "kubeconfig", "passwords.txt", ".passwd-s3fs",
    "token", "github-token.txt", ".git/config", ".aws/credentials", ".ssh/id_rsa", "secrets/readme.md",
    "paths.py~", ".paths.py.swp", ".#paths.py", "#paths.py#", "paths.py.orig", "paths.py.rej", "paths.py.bak",
    ".DS_Store", "__pycache__/paths.cpython-311.pyc", ".hidden.py", ".idea/module.py",
)  # fmt: skip


def tracked() -> list[str]:
    """What a build needs of the files that git knows."""
    said = subprocess.run(
        ["git", "ls-files", "-z", *CONTEXT], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return said.strip("\0").split("\0")


@pytest.mark.parametrize("name", CHANCE)
def test_what_lies_there_by_chance(name: str) -> None:
    assert stray.is_stray(name)
    assert stray.is_stray(f"runtime/{name}")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git knows what the project has")
def test_nothing_that_the_project_has() -> None:
    assert len(tracked()) > 150
    assert [name for name in tracked() if stray.is_stray(name)] == []


@pytest.mark.parametrize("name", ["token.py", "credentials.py", "settings.env", "runtime/melda/config/secret_files.py"])
def test_modules_are_called_after_what_they_deal_with(name: str) -> None:
    assert not stray.is_stray(name)


def test_a_build_leaves_out_the_same_names() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    found = [line.removeprefix("**/") for line in lines if line.startswith("**/")]
    assert sorted(found) == sorted((*stray.SECRETS, *stray.LEFT))
    # Of several lines the last one that fits counts: no exception stands behind what is never wanted.
    assert {*found[-len(stray.LEFT) :]} == {*stray.LEFT} and lines[-len(stray.LEFT) - 1].startswith("#")


def test_a_folder_is_installed_without_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed_files, "ROOT", tmp_path)
    for name in (*CHANCE, "paths.py", "deep/er/token.py"):
        path = tmp_path / "files" / "runtime" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    found = [entry.path for entry in managed_files.tree("runtime", "/usr/src") if entry.content is not None]
    assert found == ["/usr/src/deep/er/token.py", "/usr/src/paths.py"]
