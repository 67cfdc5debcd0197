"""Calls that may wait for the project's storage run in threads, so that Jupyter serves meanwhile what needs no file.

A thread each, and none of Python's own pools: these wait for their threads when a process ends, for ever if storage hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from collections import deque
from concurrent.futures import Future, wait
from typing import Any, Callable, Deque, Dict, Optional, Tuple, TypeVar

from tornado import web

MOST = 64  # calls under way; each is a thread, and a request that somebody waits for
STRANGERS = 4  # of those whom Jupyter does not know: they ask for files of its pages
STUCK = 5.0  # seconds in which none of them ended: storage does not seem to answer
LOOK = 0.5  # seconds between two looks at that
T = TypeVar("T")
PATIENCE = 0.5  # seconds, where all else would wait
_asked: Dict[object, asyncio.Future[object]] = {}
_loop: contextvars.ContextVar[asyncio.AbstractEventLoop] = contextvars.ContextVar("loop")  # that waits for a thread


class Slots:
    """Threads that may be under way at once. Who finds none free waits for one, in turn; touched by the event loop alone."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._since: Dict[object, float] = {}
        self._queue: Deque[asyncio.Future[None]] = deque()

    def longest(self) -> float:
        """Return for how many seconds the oldest call has been waiting; 0 if there is none."""
        return time.monotonic() - min(self._since.values()) if self._since else 0.0

    def _check(self) -> None:
        # The youngest of them began when the last one before it had ended.
        if time.monotonic() - max(self._since.values()) > STUCK:
            raise web.HTTPError(
                503, f"{self.most} file calls wait for the project's storage: try again when it answers"
            )

    async def take(self) -> object:
        """Wait for a free one, and return what gives it back.

        Raises:
            HTTPError: none comes free: storage does not seem to answer.
        """
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if len(self._since) < self.most:
            self._since[mine] = time.monotonic()
            return mine
        self._check()
        self._queue.append(mine)
        try:
            while not (await asyncio.wait({mine}, timeout=LOOK))[0]:
                self._check()
        except BaseException:
            if mine in self._since:
                self.give(mine)
            else:
                self._queue.remove(mine)
            raise
        return mine

    def give(self, taken: object) -> None:
        """Give it back; who waits the longest gets it."""
        del self._since[taken]
        if self._queue:
            following = self._queue.popleft()
            self._since[following] = time.monotonic()
            following.set_result(None)


_users, _strangers = Slots(MOST), Slots(STRANGERS)


def longest() -> float:
    """Return for how many seconds the oldest call of the user's has been waiting; 0 if there is none."""
    return _users.longest()


async def run(call: Callable[..., T], *args: Any, **given: Any) -> T:
    """Wait for a call while others are served. It goes on to its end, also if nobody waits for it any more.

    Raises:
        HTTPError: storage does not seem to answer; see :class:`Slots`.
    """
    return await _run(_users, call, args, given)


async def run_for_strangers(call: Callable[..., T], *args: Any) -> T:
    """Do the same for those whom Jupyter does not know: however many they are, they take no thread of the user's."""
    return await _run(_strangers, call, args, {})


def _begin(call: Callable[[], T]) -> Future[T]:
    """Begin a call in a thread of its own.

    Raises:
        RuntimeError: no thread can be had.
    """
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # it goes on when nobody waits any more

    def work() -> None:
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return done


async def _run(slots: Slots, call: Callable[..., T], args: Tuple[Any, ...], given: Dict[str, Any]) -> T:
    loop = asyncio.get_running_loop()
    waits = _loop.get(None)
    # A thread that has begun a loop of its own has a slot, and would wait for another one in vain.
    taken = await slots.take() if waits in (None, loop) else None
    context = contextvars.copy_context()
    if waits is None:
        context.run(_loop.set, loop)

    def ended(_: Future[T]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: Jupyter ends
            loop.call_soon_threadsafe(slots.give, taken)

    try:
        done = _begin(lambda: context.run(call, *args, **given))
    except RuntimeError:
        if taken is not None:
            slots.give(taken)
        raise
    if taken is not None:
        done.add_done_callback(ended)
    return await asyncio.wrap_future(done)


def _running() -> Optional[asyncio.AbstractEventLoop]:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[..., T], *args: Any, **given: Any) -> T:
    """Call from a thread of :func:`run` what belongs to the event loop, and wait for it.

    On the event loop itself it is called at once: Jupyter tries to sign a notebook again where its signatures are out of order.
    """
    if _running() is loop:
        return call(*args, **given)

    async def called() -> T:
        return call(*args, **given)

    return asyncio.run_coroutine_threadsafe(called(), loop).result()


def back(call: Callable[..., T], *args: Any, **given: Any) -> T:
    """Call what belongs to the event loop that waits for this thread; at once, if this is no such thread.

    A coroutine in this thread has a loop of its own, which ends with it: what that is told to read is read by nobody.
    """
    waits = _loop.get(None)
    if waits is None:
        return call(*args, **given)
    return on_loop(waits, call, *args, **given)


async def answers(call: Callable[..., object], *args: Any, seconds: float = PATIENCE) -> bool:
    """Find out whether a file call answers. All who ask for the same one while it hangs share its thread."""
    asked = _asked.get((call, args))
    if asked is None or asked.done():
        _asked[(call, args)] = asked = asyncio.ensure_future(run(call, *args))
    return bool((await asyncio.wait({asked}, timeout=seconds))[0]) and asked.exception() is None


class Bounded:
    """A function that may hang and is called by the event loop, which waits a moment at most."""

    # Of all of them: while one hangs, the next for the same path is not waited for.
    _hangs: Dict[object, Future[Any]] = {}

    def __init__(self, call: Callable[..., Any], seconds: float = PATIENCE) -> None:
        self._call, self._seconds = call, seconds

    def __call__(self, *args: Any) -> Any:
        """Call it.

        Raises:
            TimeoutError: it does not return in time, or another one with the same arguments has not returned yet.
            Exception: what it raises.
        """
        for key in [key for key, call in self._hangs.items() if call.done()]:
            del self._hangs[key]
        if args not in self._hangs:
            done = _begin(lambda: self._call(*args))
            if wait([done], self._seconds).done:
                return done.result()
            self._hangs[args] = done
        raise TimeoutError("the project's storage does not answer")
