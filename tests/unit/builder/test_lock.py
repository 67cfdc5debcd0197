"""builder/lock.py: a set's lock holds only what it adds."""

from __future__ import annotations

from builder import lock

TEXT = "a==1 \\\n    --hash=sha256:00\nb==2 \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n"


def test_entries_keep_their_hashes() -> None:
    assert lock.without(TEXT, {}) == TEXT
    assert lock.without(TEXT, {"a": "1"}) == "b==2 \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n"
    assert lock.without(TEXT, {"a": "1", "b": "2"}) == ""
