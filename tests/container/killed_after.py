"""deploy.py, with a process that dies like from ``kill -9`` once so many operations are done."""

import os

from pyinfra import local, state
from pyinfra.api.state import BaseStateCallback


class Killed(BaseStateCallback):
    """Counts operations down to the end."""

    left = int(os.environ["KILLED_AFTER"])

    @staticmethod
    def operation_end(state, op_hash):  # type: ignore[no-untyped-def]
        Killed.left -= 1
        if not Killed.left:
            os._exit(137)


state.add_callback_handler(Killed())
local.include("deploy.py")
