"""A signal that asks for a stop interrupts what blocks: a program, a question to S3, a walk through the home."""

from __future__ import annotations

import contextlib
import signal
from typing import Callable, Iterator, Sequence

from melda.base.errors import StopRequested


@contextlib.contextmanager
def listening(signals: Sequence[int], note: Callable[[int], None], asked: Callable[[], bool]) -> Iterator[None]:
    """Let blocked signals through meanwhile: StopRequested is raised wherever this process is.

    Args:
        signals: that ask for a stop.
        note: takes the first that comes.
        asked: has one come?

    Raises:
        StopRequested: one came, also if who was interrupted has made another error of it.
    """

    def handle(number: int, _: object) -> None:
        if not asked():
            note(number)
            raise StopRequested()

    before = [signal.signal(number, handle) for number in signals]
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        yield
    except Exception:
        if not asked():
            raise
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        for number, old in zip(signals, before):
            signal.signal(number, old)
    if asked():
        raise StopRequested()
