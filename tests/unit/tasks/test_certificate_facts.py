"""Which authorities a target trusts, by a real shell."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.facts.certificates import LackingAuthorities

from .test_fact_commands import ask

ONE = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="a file of root's")
@pytest.mark.parametrize(
    ("bundle", "mode", "lacking"),
    [
        (ONE * 2, 0o644, False),
        (ONE * 3, 0o644, False),
        (ONE, 0o644, True),
        ("", 0o644, True),
        (None, 0, True),
        (ONE * 2, 0o640, True),
        (ONE * 2, 0o646, True),
    ],
)
def test_a_bundle_that_lacks_what_the_system_has(tmp_path: Path, bundle: str | None, mode: int, lacking: bool) -> None:
    """One that is not trusted, one that is gone, and a file without any, are not counted."""
    path = tmp_path / "it's"
    if bundle is not None:
        path.write_text(bundle)
        path.chmod(mode)
    fact = LackingAuthorities()
    fact.folder, fact.settings = str(tmp_path / "all"), str(tmp_path / "conf")
    assert not ask(fact, bundle=str(path)), "a target without the program is nobody's concern"
    (tmp_path / "conf").write_text("# theirs\n!no.crt\na b.crt\nc.crt\ngone.crt\nempty.crt\n")
    (tmp_path / "all").mkdir()
    for name in ("no.crt", "a b.crt", "c.crt"):
        (tmp_path / "all" / name).write_text(ONE)
    (tmp_path / "all/empty.crt").write_text("")
    assert ask(fact, bundle=str(path)) is lacking
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert ask(fact, bundle=str(path)), "and nobody waits for who writes to it"
