"""PID 1's work, with real processes: each scenario in a Python of its own, as signals are a process's own."""

from __future__ import annotations

import signal
import textwrap
from pathlib import Path

from .supervised import run, start, wait_for


def test_ends_with_the_exit_code_of_the_essential_service() -> None:
    code, _, err = run("s.start(service('jupyter', 'raise SystemExit(7)', critical=True)); sys.exit(s.run())")
    assert code == 7
    assert "jupyter ended with exit code 7" in err


def test_what_is_done_once_is_not_started_again_unless_it_failed(tmp_path: Path) -> None:
    code = "import os, sys; n = len(os.listdir('.')); open(str(n), 'w'); sys.exit(0 if n else 3)"
    _, _, err = run(
        f"""
        supervisor.FIRST_PAUSE = 0.01
        s.start(service('fork', {code!r}, oneshot=True, directory={str(tmp_path)!r}))
        assert s.wait_until(lambda: not s.is_running('fork') and 'fork' not in s._all, 10)
        s.start(service('end', '', critical=True)); s.run()
        """
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"], err
    assert err.count("starting it again") == 1


def test_a_signal_that_killed_it_becomes_128_and_more() -> None:
    kill = "import os; os.kill(os.getpid(), 9)"
    code, _, err = run(f"s.start(service('jupyter', '{kill}', critical=True)); sys.exit(s.run())")
    assert code == 137
    assert "jupyter was killed by signal 9" in err


def test_a_service_that_dies_is_started_again_and_again_later(tmp_path: Path) -> None:
    mark = tmp_path / "starts"
    inner = f"open({str(mark)!r}, 'a').write('x')"
    code, _, err = run(f"""
        s.start(service('version service', {inner!r}))
        s._all['version service'].pause = 0.05
        s.wait_until(lambda: os.path.exists({str(mark)!r}) and len(open({str(mark)!r}).read()) == 3, 10)
    """)
    assert code == 0, err
    assert mark.read_text() == "xxx"
    assert "starting it again in 0.05 s" in err
    assert "starting it again in 0.1 s" in err


def test_zombies_are_reaped(tmp_path: Path) -> None:
    """As PID 1 of a container; here a process that adopts orphans does as well."""
    code, out, err = run("""
        import ctypes
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        fork = "import os; os.fork() and os._exit(0); os.fork() and os._exit(0)"
        s.start(service('parent', fork, critical=True))
        s.run()
        deadline = time.monotonic() + 5
        def children():
            return open(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read().split()
        while children() and time.monotonic() < deadline:
            s._poll(0.05)
        print(children())
    """)
    assert (code, out) == (0, "[]\n"), err


def test_a_stop_is_passed_on_and_waited_for(tmp_path: Path) -> None:
    ready, done = tmp_path / "ready", tmp_path / "done"
    inner = textwrap.dedent(f"""
        import os, signal, time
        def end(*_):
            open({str(done)!r}, 'w').close()
            os._exit(0)
        signal.signal(15, end)
        open({str(ready)!r}, 'w').close()
        time.sleep(60)
    """)
    for number in (signal.SIGTERM, signal.SIGINT):
        process = start(f"""
            s.start(service('jupyter', {inner!r}, critical=True))
            code = s.run()
            sys.exit(code or s.stop('jupyter'))
        """)
        wait_for(ready)
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 0, err
        assert done.exists()
        assert f"stopping, as {number.name} asks" in err
        ready.unlink()
        done.unlink()


def test_what_waits_for_its_next_start_is_known_and_once_more_ends_by_itself() -> None:
    _, out, err = run("""
        s.start(service('daemon', 'raise SystemExit(3)'))
        assert s.wait_until(lambda: not s.is_running('daemon'), 10)
        waiting = s.service('daemon')
        print(waiting.name, s.stop('daemon'), s.service('daemon'))
        s.start(waiting._replace(argv=(*waiting.argv[:-1], 'raise SystemExit(74)'), oneshot=True, stop_timeout=10))
        print(s.stop('daemon', ask=lambda: None))
    """)
    assert out.splitlines() == ["daemon 0 None", "74"], err


def test_what_does_not_end_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    inner = "import signal, time; signal.signal(15, signal.SIG_IGN); "
    inner += f"open({str(ready)!r}, 'w').close(); time.sleep(60)"
    code, out, err = run(f"""
        s.start(service('jupyter', {inner!r}, stop_timeout=0.2))
        s.wait_until(lambda: os.path.exists({str(ready)!r}), 10)
        print(s.stop('jupyter'))
    """)
    assert (code, out) == (0, "-9\n"), err
    assert "jupyter did not end within 0.2 s and is killed" in err


def test_a_program_that_is_not_there_is_one_line() -> None:
    code, _, err = run("""
        from melda.base.errors import ConfigError
        try:
            s.start(Service('jupyter', ('/no/such/program',), me, {}))
        except ConfigError as error:
            sys.exit(str(error))
    """)
    assert code == 1
    assert err == "jupyter cannot be started: [Errno 2] No such file or directory: '/no/such/program'\n"


def test_a_child_has_its_own_session_its_environment_and_no_blocked_signals(tmp_path: Path) -> None:
    path = tmp_path / "seen"
    inner = (
        "import os, signal; f = open({0!r} + '.new', 'w'); "
        "print(os.getsid(0) == os.getpid(), dict(os.environ).get('A'), 'SECRET' in os.environ, "
        "signal.pthread_sigmask(0, []), sep='|', file=f); f.close(); os.rename({0!r} + '.new', {0!r})"
    ).format(str(path))
    code, _, err = run(f"""
        os.environ['SECRET'] = 'x'
        s.start(service('jupyter', {inner!r}, critical=True))
        s.run()
    """)
    assert code == 0, err
    assert path.read_text() == "True|1|False|set()\n"


def test_the_count_of_restarts_begins_with_0(tmp_path: Path) -> None:
    """Prometheus sees an increase only from a sample that was there before."""
    path = str(tmp_path / "facts.json")
    _, out, err = run(f"""
        from melda.base import supervisor_metrics
        supervisor_metrics.keep({path!r})
        s.start(service('version service', 'import time; time.sleep(9)'))
        s.start(service('jupyter', 'import time; time.sleep(9)', critical=True))
        print(supervisor_metrics.read({path!r}))
        os.kill(s.pid('version service'), 9)
        s.wait_until(lambda: not s.is_running('version service'), 5)
        print(supervisor_metrics.read({path!r}))
        s.kill('jupyter', 0)  # it holds the pipe that is read to its end
    """)
    assert out.split("\n")[:2] == ["{'restarts version service': 0.0}", "{'restarts version service': 1.0}"], err
