"""File calls that hang keep neither the event loop nor its end waiting."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from melda.jupyter import threads
from tornado import web


def test_others_are_served_while_a_call_hangs() -> None:
    answers = threading.Event()

    async def serve() -> tuple[float, str]:
        hangs = asyncio.ensure_future(threads.run(answers.wait, timeout=60))
        assert await threads.run(lambda: "another") == "another"
        waited = threads.longest()
        answers.set()
        assert await hangs is True
        return waited, await threads.run(str.upper, "a")

    waited, last = asyncio.run(serve())
    assert waited > 0 and last == "A" and threads.longest() == 0


def test_a_failure_is_the_callers() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(threads.run(open, "/nowhere"))


def test_no_more_wait_than_there_may_be_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MOST", 1)
    answers = threading.Event()

    async def serve() -> None:
        hangs = asyncio.ensure_future(threads.run(answers.wait, 60))
        await asyncio.sleep(0)
        with pytest.raises(web.HTTPError) as refused:
            await threads.run(print)
        assert refused.value.status_code == 503 and "storage" in str(refused.value.log_message)
        answers.set()
        await hangs

    asyncio.run(serve())


def test_a_process_ends_while_a_call_hangs() -> None:
    before = {thread.name for thread in threading.enumerate() if not thread.daemon}

    async def serve() -> set[str]:
        hangs = asyncio.ensure_future(threads.run(threading.Event().wait, 5))
        await asyncio.sleep(0)
        hangs.cancel()
        return {thread.name for thread in threading.enumerate() if not thread.daemon}

    began = time.monotonic()
    assert asyncio.run(serve()) == before, "nobody waits for a thread of ours"
    assert time.monotonic() - began < 5


def test_what_belongs_to_the_loop_is_done_there() -> None:
    async def serve() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        return await threads.run(threads.on_loop, loop, threading.get_ident), threading.get_ident()

    there, here = asyncio.run(serve())
    assert there == here


def test_who_cannot_wait_waits_a_moment_and_the_next_not_at_all() -> None:
    answers = threading.Event()
    hangs = threads.Bounded(answers.wait, 0.05)
    with pytest.raises(TimeoutError):
        hangs(60)
    called: list[int] = []
    with pytest.raises(TimeoutError):
        threads.Bounded(called.append)(1)
    assert called == [], "what would hang too is not called"
    answers.set()
    for thread in threads.Bounded._hangs:
        thread.join()
    assert hangs(60) is True
    with pytest.raises(ZeroDivisionError):
        threads.Bounded(lambda: 1 // 0)()
