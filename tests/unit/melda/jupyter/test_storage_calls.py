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


@pytest.fixture
def slots(monkeypatch: pytest.MonkeyPatch) -> storage_calls.Slots:
    """Two for the user, one for strangers; after 0.2 s without an end storage does not seem to answer."""
    for name, value in (("STUCK", 0.2), ("LOOK", 0.01), ("_users", storage_calls.Slots(2))):
        monkeypatch.setattr(storage_calls, name, value)
    monkeypatch.setattr(storage_calls, "_strangers", storage_calls.Slots(1))
    return storage_calls._users


def test_more_than_there_may_be_threads_wait_in_turn_where_storage_answers(slots: storage_calls.Slots) -> None:
    """A crowd in one turn of the event loop was refused, and with it the user's saves, though all was well."""
    under_way: set[int] = set()
    most, order = [0], []

    def call(number: int) -> None:
        under_way.add(number)
        most.append(len(under_way))
        order.append(number)
        time.sleep(0.01)
        under_way.discard(number)

    async def serve() -> None:
        await asyncio.gather(*(storage_calls.run(call, number) for number in range(100)))  # longer than STUCK
        assert slots.longest() == 0

    asyncio.run(serve())
    assert max(most) <= 2 and len(order) == 100
    assert max(order[:50]) < 60, "who came first is first"


def test_where_no_call_ends_more_are_refused_and_later_served(slots: storage_calls.Slots) -> None:
    answers = threading.Event()

    async def serve() -> None:
        hang = [asyncio.ensure_future(storage_calls.run(answers.wait, 60)) for _ in range(2)]
        await asyncio.sleep(0)
        for most in (1, 0.1):  # the first waits a while, those after it do not
            began = time.monotonic()
            with pytest.raises(web.HTTPError) as refused:
                await storage_calls.run(print)
            assert refused.value.status_code == 503 and "storage" in str(refused.value.log_message)
            assert time.monotonic() - began < most
        answers.set()
        await asyncio.gather(*hang)
        assert await storage_calls.run(str.upper, "a") == "A"

    asyncio.run(serve())


def test_one_long_call_refuses_nobody(slots: storage_calls.Slots) -> None:
    answers = threading.Event()

    async def serve() -> None:
        hangs = asyncio.ensure_future(storage_calls.run(answers.wait, 60))
        await asyncio.sleep(storage_calls.STUCK + 0.1)
        assert await asyncio.gather(*(storage_calls.run(str, number) for number in range(9))) == list("012345678")
        answers.set()
        await hangs

    asyncio.run(serve())


def test_who_goes_while_waiting_takes_no_thread_away(slots: storage_calls.Slots) -> None:
    answers = threading.Event()

    async def serve() -> None:
        hang = [asyncio.ensure_future(storage_calls.run(answers.wait, 60)) for _ in range(2)]
        wait = [asyncio.ensure_future(storage_calls.run(str, number)) for number in range(9)]
        await asyncio.sleep(0.02)
        for one in wait[:8]:
            one.cancel()
        answers.set()
        assert await wait[8] == "8"
        await asyncio.gather(*hang)
        assert slots.longest() == 0 and await storage_calls.run(str, 1) == "1"

    asyncio.run(serve())


def test_strangers_take_no_thread_of_the_users(slots: storage_calls.Slots) -> None:
    answers = threading.Event()

    async def serve() -> None:
        strangers = [asyncio.ensure_future(storage_calls.run_for_strangers(answers.wait, 60)) for _ in range(9)]
        await asyncio.sleep(0)
        assert await storage_calls.run(str, 1) == "1"
        assert slots.longest() == 0, "they say nothing about the user's storage either"
        answers.set()
        await asyncio.gather(*strangers)

    asyncio.run(serve())


def test_a_call_within_a_call_waits_for_no_thread(slots: storage_calls.Slots) -> None:
    """All would wait for each other."""

    async def deeper() -> str:
        await asyncio.sleep(0.05)
        return await storage_calls.run(str, 1)

    async def serve() -> list[str]:
        return await asyncio.gather(*(storage_calls.run(asyncio.run, deeper()) for _ in range(2)))

    assert asyncio.run(serve()) == ["1", "1"]


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
    for call in storage_calls.Bounded._hangs.values():
        call.result()
    assert hangs(60) is True
    with pytest.raises(ZeroDivisionError):
        storage_calls.Bounded(lambda: 1 // 0)()
