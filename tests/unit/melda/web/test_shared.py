"""An answer for all who asked before it was begun, and never an older one."""

from __future__ import annotations

import threading
import time

import pytest
from melda.web.shared import Shared


def test_one_for_all_who_asked_before_it_was_begun() -> None:
    go_on, begun = threading.Event(), threading.Semaphore(0)
    count = iter(range(100))

    def work() -> int:
        begun.release()
        assert go_on.wait(10)
        return next(count)

    shared, found = Shared(work), []
    threads = [threading.Thread(target=lambda: found.append(shared.get(time.monotonic()))) for _ in range(20)]
    threads[0].start()
    assert begun.acquire(timeout=10)
    for thread in threads[1:]:
        thread.start()
    asked = time.monotonic() - 1000
    go_on.set()
    for thread in threads:
        thread.join(10)
    # Those that came while it was under way may not have its answer, but all have the next one.
    assert sorted(found)[0] == 0 and set(found) <= {0, 1, 2}
    assert shared.get(asked) == max(found), "asked long ago"
    assert shared.get(time.monotonic()) == max(found) + 1


def test_what_fails_is_tried_again() -> None:
    answers = iter([ValueError("no"), "yes"])

    def work() -> str:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    shared = Shared(work)
    with pytest.raises(ValueError, match="no"):
        shared.get(time.monotonic())
    assert shared.get(0.0) == "yes"
