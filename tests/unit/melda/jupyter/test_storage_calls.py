"""File calls that hang keep neither the event loop nor its end waiting."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from melda.jupyter import storage_calls
from tornado import web


def test_others_are_served_while_a_call_hangs() -> None:
    answers = threading.Event()

    async def serve() -> tuple[float, str]:
        hangs = asyncio.ensure_future(storage_calls.run(answers.wait, timeout=60))
        assert await storage_calls.run(lambda: "another") == "another"
        waited = storage_calls.longest()
        answers.set()
        assert await hangs is True
        return waited, await storage_calls.run(str.upper, "a")

    waited, last = asyncio.run(serve())
    assert waited > 0 and last == "A" and storage_calls.longest() == 0


def test_a_failure_is_the_callers() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(storage_calls.run(open, "/nowhere"))


def test_no_more_wait_than_there_may_be_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_calls, "MOST", 1)
    answers = threading.Event()

    async def serve() -> None:
        hangs = asyncio.ensure_future(storage_calls.run(answers.wait, 60))
        await asyncio.sleep(0)
        with pytest.raises(web.HTTPError) as refused:
            await storage_calls.run(print)
        assert refused.value.status_code == 503 and "storage" in str(refused.value.log_message)
        answers.set()
        await hangs

    asyncio.run(serve())


def test_a_process_ends_while_a_call_hangs() -> None:
    before = {thread.name for thread in threading.enumerate() if not thread.daemon}

    async def serve() -> set[str]:
        hangs = asyncio.ensure_future(storage_calls.run(threading.Event().wait, 5))
        await asyncio.sleep(0)
        hangs.cancel()
        return {thread.name for thread in threading.enumerate() if not thread.daemon}

    began = time.monotonic()
    assert asyncio.run(serve()) == before, "nobody waits for a thread of ours"
    assert time.monotonic() - began < 5


def test_what_belongs_to_the_loop_is_done_there() -> None:
    async def serve() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        return await storage_calls.run(storage_calls.on_loop, loop, threading.get_ident), threading.get_ident()

    there, here = asyncio.run(serve())
    assert there == here


def test_a_thread_calls_back_the_loop_that_waits_for_it() -> None:
    async def serve() -> tuple[int, int, int]:
        here = threading.get_ident()
        return (
            await storage_calls.run(storage_calls.back, threading.get_ident),
            storage_calls.back(threading.get_ident),
            here,
        )

    assert len(set(asyncio.run(serve()))) == 1


def test_a_coroutine_in_a_thread_calls_back_jupyters_loop_and_not_its_own() -> None:
    """A terminal that such a one made was read by nobody."""

    async def in_thread() -> tuple[int, int]:
        deeper = await storage_calls.run(storage_calls.back, threading.get_ident)
        return storage_calls.back(threading.get_ident), deeper

    async def serve() -> tuple[int, ...]:
        return (threading.get_ident(), *await storage_calls.run(asyncio.run, in_thread()))

    assert len(set(asyncio.run(serve()))) == 1


def test_who_asks_what_hangs_shares_a_thread_and_goes_on_without_it() -> None:
    storage, asked = threading.Event(), []

    def ask(path: str) -> None:
        asked.append(path)
        storage.wait(60)

    async def serve() -> None:
        for _ in range(3):
            assert not await storage_calls.answers(ask, "/p", seconds=0.01)
        assert asked == ["/p"]
        storage.set()
        assert await storage_calls.answers(ask, "/p", seconds=60)
        assert await storage_calls.answers(ask, "/p", seconds=60)
        assert asked == ["/p", "/p"], "what was answered once is asked again"
        assert not await storage_calls.answers(open, "/nowhere")
        storage_calls._asked.clear()

    asyncio.run(serve())


def test_who_cannot_wait_waits_a_moment_and_the_next_not_at_all() -> None:
    answers = threading.Event()
    hangs = storage_calls.Bounded(answers.wait, 0.05)
    with pytest.raises(TimeoutError):
        hangs(60)
    called: list[int] = []
    with pytest.raises(TimeoutError):
        storage_calls.Bounded(called.append)(60)
    assert called == [], "what would hang too is not called"
    storage_calls.Bounded(called.append)(1)
    assert called == [1], "one path that hangs costs no other"
    answers.set()
    for thread in storage_calls.Bounded._hangs.values():
        thread.join()
    assert hangs(60) is True
    with pytest.raises(ZeroDivisionError):
        storage_calls.Bounded(lambda: 1 // 0)()
