"""What is told of a run while it goes on: pyinfra calls its callback handlers."""

from __future__ import annotations

from typing import Type, TypeVar

from pyinfra import state
from pyinfra.api.state import BaseStateCallback

Handler = TypeVar("Handler", bound=BaseStateCallback)


def once(kind: Type[Handler]) -> Handler:
    """Return this run's handler of a kind; it is added when it is first asked for, once however many hosts there are."""
    for handler in state.callback_handlers:
        if isinstance(handler, kind):
            return handler
    handler = kind()
    state.add_callback_handler(handler)
    return handler
