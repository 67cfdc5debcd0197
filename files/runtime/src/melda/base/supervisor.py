"""PID 1: starts services, reaps, restarts what may die, passes on the wish to stop, says how it ended."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import time
from typing import Callable, ContextManager, Dict, List, Optional, Tuple

from melda.base import interruption, log, pressure, processes, supervisor_metrics, users
from melda.base.errors import ConfigError, StopRequested
from melda.base.service import FIRST_PAUSE, Running, Service

STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HANDLED = set(STOP) | {signal.SIGCHLD}

# Seconds before a service that died is started again: doubled each time. The backoff resets after 60 s of uptime.
LONGEST_PAUSE, RESET_AFTER = 30.0, 60.0
TRIES = 3.0  # seconds for which a first start that fails with EAGAIN, ENOMEM or the like is repeated
AGAIN = 1.0  # seconds until something that was due and failed is tried again


class Supervisor:
    """Signals are blocked from here on and taken one by one, so none is lost, however early it comes.

    Args:
        group: cgroup of the container whose processes :meth:`stop_all` ends; see :func:`processes.others`.
    """

    def __init__(self, group: str = "") -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        self._group = group
        self._until: Optional[float] = None  # when all that is stopped must be over
        self._complaints = pressure.Complaints(log.warn)
        self._all: Dict[str, Running] = {}
        self._timers: List[Tuple[float, Callable[[], Optional[float]]]] = []
        self._ended: Optional[Tuple[str, int]] = None
        self.stop_requested = False

    def start(self, service: Service) -> None:
        """Start a service; it is looked after from now on.

        Raises:
            ConfigError: it cannot be started.
        """
        try:
            pressure.tried(lambda: self._launch(service), TRIES)
        except Exception as error:
            raise ConfigError(f"{service.name} cannot be started: {str(error) or repr(error)}") from None
        if not service.critical:  # a counter begins with 0: Prometheus sees no increase in its first sample
            supervisor_metrics.record(f"restarts {service.name}", self._all[service.name].restarts)

    def _launch(self, service: Service) -> None:
        running = self._all.setdefault(service.name, Running(service))
        running.due = None
        running.began = time.monotonic()
        output = service.stdout
        if output is None:
            output = log.users_terminal if service.account.uid else log.services_terminal
        running.process = subprocess.Popen(
            service.argv,
            stdin=service.stdin,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            cwd=service.directory,
            env=dict(service.environment),
            # Before exec, in a process without threads.
            preexec_fn=processes.as_account(service.account, service.score),  # noqa: PLW1509
        )

    def call_later(self, seconds: float, action: Callable[[], Optional[float]]) -> None:
        """Call ``action`` in ``seconds``; it is quick, and returns in how many seconds again, or None."""
        self._timers.append((time.monotonic() + seconds, action))

    def service(self, name: str) -> Optional[Service]:
        """Return what is looked after by that name, whether its process is there, or to be started again; None if nothing is."""
        return self._all[name].service if name in self._all else None

    def is_running(self, name: str) -> bool:
        """Is the service's process there?"""
        return self.pid(name) > 0

    def pid(self, name: str) -> int:
        """Return the number of the service's process; 0 if it has none."""
        process = self._all[name].process if name in self._all else None
        return 0 if process is None else process.pid

    def kill(self, name: str, code: int) -> None:
        """Kill an essential service at once: nobody can hang in a file system whose server is gone.

        Args:
            name: of the service.
            code: what :meth:`run` returns.
        """
        self.finish(name, code)
        pid = self.pid(name)
        if pid:
            os.kill(pid, signal.SIGKILL)

    def finish(self, name: str, code: int) -> None:
        """Let :meth:`run` return ``code``, because of what is called ``name``."""
        self._ended = self._ended or (name, code)

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for ``condition`` at most ``seconds``, looking after the services meanwhile.

        Returns:
            False if the time ran out or an essential service ended.

        Raises:
            StopRequested: a signal asked for it.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if self._ended or time.monotonic() > deadline:
                return False
            self._poll(0.01)
            if self.stop_requested:
                raise StopRequested()
        return True

    def listening(self) -> ContextManager[None]:
        """Let the wish to stop interrupt whatever blocks meanwhile; see :func:`melda.base.interruption.listening`."""
        return interruption.listening(STOP, self._note, lambda: self.stop_requested)

    def _note(self, number: int) -> None:
        log.line(f"stopping, as {signal.Signals(number).name} asks")
        self.stop_requested = True

    def run(self) -> int:
        """Look after the services until an essential one ends or a signal asks to stop.

        Returns:
            The exit code of the essential service (128 + N if signal N killed it), 0 if a stop was asked for.
        """
        while not self._ended and not self.stop_requested:
            try:
                self._poll(3600.0)
            except Exception as error:  # whatever it is: with us, every kernel would end
                self._complaints.line(self, f"not now: {str(error) or repr(error)}")
                time.sleep(pressure.PAUSE)
        code = self._ended[1] if self._ended else 0
        return code if code >= 0 else 128 - code

    def set_deadline(self, until: Optional[float]) -> None:
        """Set the moment (time.monotonic()) by which all that is stopped from now on must have ended; None: there is none."""
        self._until = until

    def remaining(self, seconds: float) -> float:
        """As much of ``seconds`` as the deadline leaves, but a moment at least."""
        return seconds if self._until is None else min(seconds, max(0.1, self._until - time.monotonic()))

    def send_sigterm(self, name: str) -> None:
        """Send a service SIGTERM, once, and do not wait."""
        running = self._all.get(name)
        if running is not None and running.process is not None and not running.asked:
            running.stopping = running.asked = True
            os.kill(running.process.pid, signal.SIGTERM)

    def stop(self, name: str, ask: Optional[Callable[[], None]] = None) -> int:
        """Ask a service to end, kill it after its ``stop_timeout``, and forget it.

        Args:
            name: of the service.
            ask: how it is asked; None: by SIGTERM.

        Returns:
            Its exit code as :mod:`subprocess` gives it; 0 if it was not running.
        """
        running = self._all.get(name)
        if running is None or running.process is None:
            self._all.pop(name, None)
            return 0
        process, began = running.process, time.monotonic()
        running.stopping = True
        (ask or functools.partial(self.send_sigterm, name))()
        if not self._gone(running, self.remaining(running.service.stop_timeout)):
            log.warn(f"{name} did not end within {time.monotonic() - began:.1f} s and is killed")
            os.kill(process.pid, signal.SIGKILL)
            self._gone(running, self.remaining(1.0))
        self._all.pop(name, None)
        return process.returncode if process.returncode is not None else -signal.SIGKILL

    def _gone(self, running: Running, seconds: float) -> bool:
        return self.wait_while_stopping(lambda: running.process is None, seconds)

    def wait_while_stopping(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for ``condition`` in the middle of a stop, at most ``seconds``, reaping meanwhile; was it met?"""
        deadline = time.monotonic() + seconds
        self._reap()
        while not condition():
            if time.monotonic() >= deadline:
                return False
            signal.sigtimedwait(HANDLED, 0.02)
            self._reap()
        return True

    def make_room(self) -> bool:
        """End all that are no service, if no process can be started any more: a stop needs some.

        Returns:
            False if it had to be done.
        """
        try:
            users.Child(users.ROOT, lambda: None).close()
            return True
        except OSError as error:
            log.warn(f"no process can be started ({error.strerror}): all but the services are ended first")
        self._end(self.remaining(0.4))
        return False

    def end_unsupervised(self) -> None:
        """End all that is neither a service nor started by one: programs of docker exec, and orphans."""
        self._end(self.remaining(1.0), process_trees=True)

    def _end(self, seconds: float, process_trees: bool = False) -> None:
        kept = [running.process.pid for running in self._all.values() if running.process is not None]
        left = functools.partial(processes.others, kept, self._group, process_trees=process_trees)
        processes.end(left, seconds / 2, self._reap, seconds / 2)

    def stop_all(self, spare: Tuple[str, ...] = ()) -> None:
        """Stop all services but those named, the last started first, and all else in the container."""
        going = [running for name, running in self._all.items() if name not in spare]
        for running in going:
            running.stopping = True
        for running in reversed(going):
            self.stop(running.service.name)
        self._end(self.remaining(2.0))

    def _poll(self, longest: float) -> None:
        now = time.monotonic()
        times = [at for at, _ in self._timers] + [r.due for r in self._all.values() if r.due is not None]
        received = signal.sigtimedwait(HANDLED, max(0.0, min([now + longest] + times) - now))
        if received is not None and received.si_signo in STOP:
            self._note(received.si_signo)
        self._reap()
        now = time.monotonic()
        for running in list(self._all.values()):
            if running.due is not None and running.due <= now:
                self._start_again(running)
        due = [timer for timer in self._timers if timer[0] <= now]
        self._timers = [timer for timer in self._timers if timer[0] > now]
        for _, action in due:
            try:
                again = action()
                self._complaints.recovered(action)
            except Exception as error:
                self._complaints.line(action, f"not now, it is tried again: {str(error) or repr(error)}")
                again = AGAIN
            if again is not None:
                self.call_later(again, action)

    def _start_again(self, running: Running) -> None:
        try:
            self._launch(running.service)
            self._complaints.recovered(running)
        except Exception as error:
            name, reason = running.service.name, str(error) or repr(error)
            self._complaints.line(running, f"{name} cannot be started, it is tried again: {reason}")
            self._schedule_restart(running)

    def _schedule_restart(self, running: Running) -> float:
        now = time.monotonic()
        pause = FIRST_PAUSE if now - running.began > RESET_AFTER else running.pause
        running.pause = min(2 * pause, LONGEST_PAUSE)
        running.due = now + pause
        return pause

    def _reap(self) -> None:
        for pid, code in processes.ended():
            for running in list(self._all.values()):
                if running.process is not None and running.process.pid == pid:
                    running.process.returncode = code
                    running.process = None
                    if not running.stopping:
                        self._on_exit(running, code)

    def _on_exit(self, running: Running, code: int) -> None:
        how = ("ended with exit code {0}" if code >= 0 else "was killed by signal {0}").format(abs(code))
        if running.service.critical:
            log.error(f"{running.service.name} {how}")
            self._ended = self._ended or (running.service.name, code)
        elif running.service.oneshot and code == 0:
            self._all.pop(running.service.name, None)
        else:
            pause = self._schedule_restart(running)
            running.restarts += 1
            supervisor_metrics.record(f"restarts {running.service.name}", running.restarts)
            log.warn(f"{running.service.name} {how}; starting it again in {pause:g} s")
