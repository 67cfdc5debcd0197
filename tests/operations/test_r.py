"""tasks/operations/r.py: R that does not start ends the run with one line."""

from __future__ import annotations

from tasks import packages
from tasks.facts.kernels import StartProblems

from .conftest import Run
from .test_packages import TELL, listed


def test_r_that_does_not_start_ends_the_run(run: Run) -> None:
    """What stops it may be what somebody wrote into Rprofile.site, which stays."""
    done = run(packages.packages, {StartProblems: ["R: Error: it's x"]} | listed("none"), packages="none")
    (command,) = done["Make sure that R and Python start"]
    assert command.startswith("""echo 'R: Error: it'"'"'s x: expected /etc/R """) and command.endswith("; exit 1")
    names = [name.split(" | ")[-1] for name in done.names]
    assert names.index("Make sure that R and Python start") < names.index(TELL)
