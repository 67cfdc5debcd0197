"""Calls that may wait for the project's storage run in threads, so that Jupyter serves meanwhile what needs no file.

A thread each, and none of Python's own pools: these wait for their threads when a process ends, for ever if storage hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from typing import Any, Callable, Dict, List, Optional, TypeVar

from tornado import web

MOST = 64  # calls under way; each is a thread, and a request that somebody waits for
T = TypeVar("T")
PATIENCE = 0.5  # seconds, where all else would wait
_pending: Dict[object, float] = {}  # since when; touched by the event loop alone
_asked: Dict[object, asyncio.Future[object]] = {}
_loop: contextvars.ContextVar[asyncio.AbstractEventLoop] = contextvars.ContextVar("loop")  # that waits for a thread


def longest() -> float:
    """Return for how many seconds the oldest call has been waiting; 0 if there is none."""
    return time.monotonic() - min(_pending.values()) if _pending else 0.0


async def run(call: Callable[..., T], *args: Any, **given: Any) -> T:
    """Wait for a call while others are served. It goes on to its end, also if nobody waits for it any more.

    Args:
        call: what may take long.
        args, given: for it.

    Raises:
        HTTPError: too many others wait, so that storage does not seem to answer.
    """
    if len(_pending) >= MOST:
        raise web.HTTPError(503, f"{MOST} file calls wait for the project's storage: try again when it answers")
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()
    if _loop.get(None) is None:  # else a thread has begun a loop of its own
        context.run(_loop.set, loop)

    def settle(results: List[T], error: Optional[BaseException]) -> None:
        _pending.pop(done, None)
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(results[0])

    def work() -> None:
        results: List[T] = []
        failure: Optional[BaseException] = None
        try:
            results.append(context.run(call, *args, **given))
        except BaseException as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: Jupyter ends
            loop.call_soon_threadsafe(settle, results, failure)

    _pending[done] = time.monotonic()
    try:
        threading.Thread(target=work, daemon=True).start()
    except RuntimeError:  # no thread can be had
        _pending.pop(done)
        raise
    return await done


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
    """Find out whether a file call answers. All who ask for the same one while it hangs share its thread.

    Args:
        call: the file call.
        args: for it.
        seconds: to wait for it.
    """
    asked = _asked.get((call, args))
    if asked is None or asked.done():
        _asked[(call, args)] = asked = asyncio.ensure_future(run(call, *args))
    return bool((await asyncio.wait({asked}, timeout=seconds))[0]) and asked.exception() is None


class Bounded:
    """A function that may hang and is called by the event loop, which waits a moment at most.

    Args:
        call: the function.
        seconds: to wait for it.
    """

    _hangs: Dict[
        object, threading.Thread
    ] = {}  # of all of them: while one hangs, the next for the same path is not waited for

    def __init__(self, call: Callable[..., Any], seconds: float = PATIENCE) -> None:
        self._call, self._seconds = call, seconds

    def __call__(self, *args: Any) -> Any:
        """Call it.

        Raises:
            TimeoutError: it does not return in time, or another one with the same arguments has not returned yet.
            Exception: what it raises.
        """
        for key in [key for key, thread in self._hangs.items() if not thread.is_alive()]:
            del self._hangs[key]
        found: List[Any] = []
        failed: List[BaseException] = []

        def work() -> None:
            try:
                found.append(self._call(*args))
            except BaseException as error:
                failed.append(error)

        if args not in self._hangs:
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            thread.join(self._seconds)
            if thread.is_alive():
                self._hangs[args] = thread
        if failed:
            raise failed[0]
        if not found:
            raise TimeoutError("the project's storage does not answer")
        return found[0]
