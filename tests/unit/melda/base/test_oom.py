"""Who is killed first for want of memory: each in a process of its own, which keeps its score."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from melda.base import oom

from tests.unit.melda.conftest import RUNTIME

SCORE = "cat /proc/self/oom_score_adj"


def run(code: str) -> str:
    text = f"import sys; sys.path.insert(0, {str(RUNTIME)!r})\nfrom melda.base import oom\n" + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, timeout=20).stdout


def test_a_process_that_offers_itself_and_its_children() -> None:
    out = run(f"""
        import subprocess
        oom.offer(700)
        print(open("/proc/self/oom_score_adj").read(), subprocess.getoutput({SCORE!r}))
    """)
    assert out.split() == ["700", "700"]


def test_the_children_of_a_server_but_not_itself() -> None:
    out = run(f"""
        oom.offer_children()
        import asyncio, subprocess
        from subprocess import Popen
        print(open("/proc/self/oom_score_adj").read())
        argv = {SCORE.split()!r}
        print(subprocess.check_output(argv, text=True))
        with Popen(args=tuple(argv), stdout=subprocess.PIPE, text=True, env={{"PATH": "/usr/bin:/bin"}}) as process:
            print(process.stdout.read())
            print(process.args == tuple(argv), isinstance(process, subprocess.Popen))
        async def of_a_loop():
            process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
            print((await process.communicate())[0].decode())
        asyncio.run(of_a_loop())
    """)
    assert out.split() == ["0", "800", "800", "True", "True", "800"]


def test_what_is_not_there_fails_as_always() -> None:
    out = run("""
        oom.offer_children()
        import subprocess
        cases = (["no-such-program"], {}), (["/no/such"], {}), (["./no"], {"cwd": "/"}), (["ls"], {"env": {"PATH": "/no"}})
        for argv, more in cases:
            try:
                subprocess.Popen(argv, **more)
            except FileNotFoundError as error:
                print(error.filename)
        print(subprocess.run("echo shell", shell=True, stdout=subprocess.PIPE, text=True).stdout)
    """)
    assert out.split() == ["no-such-program", "/no/such", "./no", "ls", "shell"]


def test_without_choom_all_goes_on_as_it_is(tmp_path: Path) -> None:
    assert oom.first(["a", "b"], str(tmp_path / "choom")) == ["a", "b"]
    assert oom.first(["a"]) == ["/usr/bin/choom", "-n", "800", "--", "a"]
