"""Timers of PID 1, what it tries again, and what it does with the time that a stop has left, with real processes."""

from __future__ import annotations

import re
from pathlib import Path

from .supervised import MOMENT, run


def test_timers_run_until_they_say_none() -> None:
    code, out, err = run("""
        left = [3]
        def action():
            print(left[0])
            left[0] -= 1
            return 0.01 if left[0] else None
        s.call_later(0.01, action)
        s.wait_until(lambda: not left[0], 5)
        s.wait_until(lambda: False, 0.05)
    """)
    assert (code, out) == (0, "3\n2\n1\n"), err


def test_a_timer_that_fails_is_said_once_and_tried_again() -> None:
    code, out, err = run("""
        supervisor.AGAIN = 0.01
        left = [3]
        def action():
            left[0] -= 1
            if left[0]:
                raise BlockingIOError(11, 'Resource temporarily unavailable')
            s.kill('none', 0)
        s.call_later(0.0, action)
        sys.exit(s.run())
    """)
    assert code == 0, err
    assert (
        re.sub(MOMENT, "", err)
        == "start-jupyter: not now, it is tried again: [Errno 11] Resource temporarily unavailable\n"
    )


def test_a_turn_that_fails_ends_nobody() -> None:
    code, _, err = run("""
        turn, failing = s._poll, [MemoryError(), OSError(12, 'Cannot allocate memory'), None]
        def fail(longest):
            error = failing.pop(0)
            if error:
                raise error
            s._poll = turn
            s.kill('none', 5)
        s._poll = fail
        sys.exit(s.run())
    """)
    assert code == 5, err
    assert err.count("start-jupyter: not now: ") == 2


def test_a_service_that_cannot_be_started_again_is_tried_again() -> None:
    code, _, err = run("""
        supervisor.FIRST_PAUSE = 0.01
        s.start(service('version service', ''))
        popen, left = supervisor.subprocess.Popen, [3]
        def scarce(*given, **more):
            left[0] -= 1
            if left[0]:
                raise BlockingIOError(11, 'Resource temporarily unavailable')
            s.kill('none', 0)
            return popen(*given, **more)
        supervisor.subprocess.Popen = scarce
        sys.exit(s.run())
    """)
    assert code == 0, err
    output = "version service cannot be started, it is tried again: [Errno 11] Resource temporarily unavailable"
    assert err.count(output) == 1 and left_over(err) == [], err


def left_over(err: str) -> list[str]:
    """Lines that are not start-jupyter's: of a traceback."""
    return [line for line in err.splitlines() if " start-jupyter: " not in line]


def test_a_first_start_is_tried_for_a_while() -> None:
    code, _, err = run("""
        from melda.base.errors import ConfigError
        supervisor.TRIES = 0.3
        tries = []
        def scarce(*given, **more):
            tries.append(given)
            raise BlockingIOError(11, 'Resource temporarily unavailable')
        supervisor.subprocess.Popen = scarce
        try:
            s.start(service('jupyter', ''))
        except ConfigError as error:
            assert len(tries) > 2, tries
            sys.exit(str(error))
    """)
    assert (code, err) == (1, "jupyter cannot be started: [Errno 11] Resource temporarily unavailable\n")


def test_what_is_stopped_has_what_is_left_of_the_time(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    inner = "import signal, time; signal.signal(15, signal.SIG_IGN); "
    inner += f"open({str(ready)!r}, 'w').close(); time.sleep(60)"
    code, out, err = run(f"""
        s.start(service('s3fs', {inner!r}, stop_timeout=60))
        s.wait_until(lambda: os.path.exists({str(ready)!r}), 10)
        assert s.remaining(60) == 60
        s.set_deadline(time.monotonic() + 0.3)
        assert s.remaining(60) < 0.31 and s.remaining(0.2) == 0.2
        print(s.stop('s3fs'))
        s.set_deadline(time.monotonic() - 5)
        assert s.remaining(60) == 0.1
    """)
    assert (code, out) == (0, "-9\n"), err
    assert "s3fs did not end within 0.3 s and is killed" in err


def test_a_service_that_is_killed_first(tmp_path: Path) -> None:
    path = tmp_path / "score"
    inner = "import os; f = open({0!r} + '.new', 'w'); f.write(open('/proc/self/oom_score_adj').read()); f.close()"
    inner = (inner + "; os.rename({0!r} + '.new', {0!r})").format(str(path))
    code, _, err = run(f"s.start(service('fork', {inner!r}, critical=True, score=900)); s.run()")
    assert (code, path.read_text()) == (0, "900\n"), err


def test_in_a_stop_it_is_waited_for_something_else_too() -> None:
    """Whoever asks to stop once more meanwhile; a process that ends is taken note of."""
    code, _, err = run("""
        assert s.pid('s3fs') == 0
        s.start(service('s3fs', 'import time; time.sleep(0.2)', oneshot=True))
        assert s.pid('s3fs') == s._all['s3fs'].process.pid and s.is_running('s3fs')
        os.kill(os.getpid(), signal.SIGTERM)
        assert not s.wait_while_stopping(lambda: False, 0.01)
        assert s.wait_while_stopping(lambda: not s.is_running('s3fs'), 10) and s.pid('s3fs') == 0
    """)
    assert code == 0, err
