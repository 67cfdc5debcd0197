"""What two heads bring into one folder, where packages share a folder like ``google`` or ``nvidia``."""

from __future__ import annotations

from pathlib import Path

from tests.unit.melda.sync.folders import SITE, Container, Make, install


def share(root: Path, name: str, version: str) -> None:
    """Install a package that has a file in a folder of others too."""
    install(root, name, version)
    (root / SITE / "google").mkdir(exist_ok=True)
    (root / SITE / "google" / f"{name}.py").write_text(version)
    record = root / SITE / f"{name}-{version}.dist-info" / "RECORD"
    record.write_text(record.read_text() + f"google/{name}.py,,\n")


def shared(one: Container) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (one.root / SITE / "google").iterdir()}


def two_heads(container: Make) -> Container:
    """Return the container that has updated zebra, while another one installed yak beside the first zebra."""
    one = container()
    share(one.root, "zebra", "1")
    one.wait()
    two = container()
    for version in ("2", "3"):
        share(one.root, "zebra", version)
        one.wait(70)
    share(two.root, "yak", "1")
    two.wait(70)
    return one


def test_a_restart_takes_no_file_out_of_anothers_package(container: Make) -> None:
    """What was merged into the folder went with it when its own head came."""
    one = two_heads(container)
    one.start()
    assert shared(one).keys() == {"zebra", "yak"}
    one.wait(70)
    assert shared(container()).keys() == {"zebra", "yak"}
