"""Says at the end how each host of a run with several fared: pyinfra's own table only counts them."""

from __future__ import annotations

from typing import Any, Dict, List

from pyinfra import host, logger
from pyinfra.api.state import BaseStateCallback

from tasks.lib import callbacks

UNREACHED = "was not reached"


class Summary(BaseStateCallback):
    """pyinfra's callbacks; it says it when the last host is let go, which is the end of the run, whatever happened."""

    def __init__(self) -> None:
        self.failures: Dict[str, str] = {}
        self.gone = 0

    def operation_host_error(self, state: Any, host: Any, op_hash: str, *_: Any) -> None:  # type: ignore[override]
        names = " ".join(sorted(state.get_op_meta(op_hash).names))
        self.failures[host.name] = f'failed in "{names}"'

    def host_disconnect(self, state: Any, host: Any) -> None:  # type: ignore[override]
        self.gone += 1
        if self.gone == len(state.activated_hosts):
            for line in self.lines(state):
                logger.info(line)

    def lines(self, state: Any) -> List[str]:
        """Return a line for each host of a run that has several."""
        hosts = [one for one in state.inventory if one in state.activated_hosts or one in state.failed_hosts]
        if len(hosts) < 2 or not (state.is_executing or state.failed_hosts):
            return []
        lines = ["--> Hosts:"]
        for one in hosts:
            metas = [done.operation_meta for done in state.ops.get(one, {}).values()]
            done = [meta for meta in metas if meta.did_succeed(_raise_if_not_complete=False)]
            words = "{0} changed, {1} as they were".format(
                sum(meta.did_change() for meta in done), sum(not meta.did_change() for meta in done)
            )
            if one in state.failed_hosts:
                failed = self.failures.get(one.name, UNREACHED if one not in state.activated_hosts else "failed")
                words = f"{failed}; {words}" if done else failed
            elif not state.is_executing:
                words = "not touched"
            lines.append(f"[{one.name}] {words}")
        return lines


def show() -> None:
    """Show the summary of this run, once however many hosts it has."""
    callbacks.once(Summary)


def refused(reason: str) -> None:
    """Note why the run skips this host."""
    callbacks.once(Summary).failures[host.name] = f"refused, nothing changed: {reason}"
