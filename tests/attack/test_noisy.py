"""A file that never rests."""

from __future__ import annotations

from collections.abc import Callable

from tests.container.machines import until
from tests.container.services import Service

from .tools import background, plugins

Run = Callable[..., Service]
WRITE = """
import sys, time
while True:
    with open(sys.argv[1], "a") as stream:
        stream.write("x")
    time.sleep(0.4)
"""
LOUD = 120  # seconds after which it must have been named


def test_noisy_file(mounted: Run) -> None:
    """A file in the plugin folder is written twice a second, for ever; then other packages are installed.
    Proves: they are saved on time, and the file is named in /healthz and the log."""
    service = mounted("noisy").ready()
    own = plugins(service)
    service.run(f"mkdir {own.site}/noisypackage && echo V=1 >{own.site}/noisypackage/__init__.py", user="melda")
    background(service, WRITE, f"{own.site}/noisypackage/log.txt")
    for name in ("quiet", "still"):
        service.run(f"mkdir {own.site}/{name} && echo V=1 >{own.site}/{name}/__init__.py", user="melda")
        until(lambda name=name: any(name in line for line in service.lines()), f"{name} is saved", 40)  # type: ignore[misc]
    until(lambda: "noisypackage" in service.health()["plugins"], f"it is named; {service.health()}", LOUD)
    assert any("noisypackage" in line for line in service.lines()), "and in the log"
    service.stop()
    assert service.inspect("{{.State.ExitCode}}") == "0", service.logs()[-1000:]
