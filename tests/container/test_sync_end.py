"""A container that stops ends with 0 only if what the user installed is in the bucket; else with 74, and says what is not."""

from __future__ import annotations

import pytest

from tests.fakes.s3 import serve_all

from .machines import until
from .projects import PIP, PYTHON, SITE, Project, imported, saved, shell
from .services import Service

DOCKERS = "10"  # seconds that Docker gives a stop
UNSAVED = "something may be missing in the bucket: "
SAYS = "what was installed last; the plugin sync's lines above say what"
# Its command line is an installer's.
WAITS = "exec python3 -c 'import time; time.sleep(600)' pip install slow"


def stopped(service: Service) -> tuple[int, str]:
    """Stop it within the ten seconds that Docker gives; its exit code, and what it says may be missing."""
    assert service.seconds_to_stop() < float(DOCKERS)
    code, lines = service.ended()
    return code, "".join(line.partition(UNSAVED)[2] for line in lines)


def test_the_bucket_refuses_the_last_save(project: Project) -> None:
    """And hangs at the next one. With a 500 s3fs tries again for longer than there is, which is a bucket that hangs."""
    one = project.start(STOP_SECONDS=DOCKERS).ready()
    shell(one, PIP + "zebra==1.0")
    saved(one)
    project.s3.judge = lambda method, _: "403 Access Denied" if method in ("PUT", "POST") else ""
    shell(one, PIP + "zebra==2.0")
    code, missing = stopped(one)
    assert code == 74 and SAYS in missing, one.logs()[-2000:]
    assert "zebra" in one.logs().rpartition(f"plugins: {PYTHON}: not saved: ")[2]
    project.s3.judge = serve_all
    one.start()
    one.ready(2)
    until(lambda: one.health()["plugins"].startswith("saved"), "it is saved now")
    project.s3.hang()
    one.run(f"mkdir -p {SITE}/owl && echo V=1 >{SITE}/owl/__init__.py", user="melda")
    code, missing = stopped(one)
    assert code == 74 and "the plugin sync did not end by itself" in missing, one.logs()[-2000:]
    assert f"{PYTHON} is saved as the container stops: owl" in one.logs(), "it is named all the same"


def test_what_no_start_could_read_again_is_no_success(project: Project) -> None:
    one = project.start().ready()
    shell(one, PIP + "zebra==1.0")
    saved(one)
    shell(one, f"cd {SITE} && python3 -c \"for one in range(3300): open(',' * 245 + str(one), 'w').close()\"")
    one.says(f"{PYTHON} is saved in the bucket: ,,,")
    shell(one, f"cd {SITE} && mkdir listed && touch listed/file secret && chmod 0444 listed && chmod 000 secret")
    until(lambda: "secret cannot be read" in one.health()["plugins"], "it is named", 30)
    code, _ = stopped(one)
    assert code == 74 and f"{PYTHON}: not saved: listed, secret (" in one.logs(), one.logs()[-2000:]
    # A link of the user's, in whose place the next save makes our folder.
    two = project.start().ready()
    assert imported(two, "zebra") == "1.0"
    assert two.run(f"ls {SITE} | grep -c ,,,").strip() == "3300"
    shell(two, "cd ~/project && mv .melda-jupyter mine && ln -s /tmp .melda-jupyter && " + PIP + "yak==1.0")
    two.says(".melda-jupyter was in the way and is set aside as .melda-jupyter.set-aside-")
    until(lambda: project.manifests(), "all is saved anew", 30)
    two.stop()
    three = project.start().ready()
    assert imported(three, "zebra", "yak") == "1.0 1.0"


def pausing(service: Service) -> None:
    """Kill the sync daemon until it is not started again for longer than a stop takes."""
    again = "plugin sync was killed by signal 9; starting it again in "
    for seconds in ("0.5", "1", "2", "4", "8", "16"):
        until(lambda: service.run("pgrep -f [p]lugin-sync || true") != "", "it runs")
        service.run("pkill -KILL -f [p]lugin-sync")
        service.says(f"{again}{seconds} s")


@pytest.mark.parametrize("takes", [True, pytest.param(False, marks=pytest.mark.full)])
def test_the_keeper_was_killed_and_is_not_there_when_the_container_stops(project: Project, takes: bool) -> None:
    one = project.start().ready()
    shell(one, PIP + "zebra==1.0")
    saved(one)
    pausing(one)
    shell(one, PIP + "yak==1.0")
    if not takes:
        project.s3.judge = lambda method, _: "403 Access Denied" if method in ("PUT", "POST") else ""
    code, missing = stopped(one)
    if not takes:
        assert code == 74 and SAYS in missing, one.logs()[-2000:]
        return
    assert (code, missing) == (0, ""), one.logs()[-2000:]
    two = project.start().ready()
    assert imported(two, "zebra", "yak") == "1.0 1.0"


def refuse_archives(project: Project) -> None:
    """S3 gives everything but what is installed."""
    project.s3.judge = lambda method, path: "403 Access Denied" if method == "GET" and ".tar.zst" in path else ""


@pytest.mark.parametrize("answers", [True, pytest.param(False, marks=pytest.mark.full)])
def test_what_was_saved_was_not_restored(project: Project, answers: bool) -> None:
    """Nobody waits for it long, a stop meanwhile loses nothing, and in the end it is tried again."""
    one = project.start().ready()
    shell(one, PIP + "zebra==1.0")
    saved(one)
    one.stop()
    refuse_archives(project)
    two = project.start().ready()
    two.says("not restored", 60)
    until(lambda: not two.run("ls /run/melda-jupyter/plugins | grep restoring || true"), "nobody waits", 10)
    took = shell(two, "a=$(date +%s%N); python3 -c pass; b=$(date +%s%N); echo $(((b - a) / 1000000))")
    assert float(took) < 5000
    assert stopped(two) == (0, ""), "nothing is here"
    three = project.start().ready()
    three.says("not restored: ", 60)
    shell(three, PIP + "yak==1.0")
    if answers:
        project.s3.judge = serve_all
        assert stopped(three) == (0, ""), three.logs()[-2000:]
        refuse_archives(project)
        four = project.start().ready()
        four.says("not restored", 60)
        project.s3.judge = serve_all
        four.says("the packages of the project are here", 90)
        assert imported(four, "zebra", "yak") == "1.0 1.0"
    else:
        code, missing = stopped(three)
        assert code == 74 and SAYS in missing, three.logs()[-2000:]
        assert f"{PYTHON}: not saved: yak (what the bucket has was not restored)" in three.logs()


def test_a_pip_that_hangs_and_what_another_left_cost_only_what_they_did(project: Project) -> None:
    one = project.start().ready()
    shell(one, f"({WAITS}) >/dev/null 2>&1 &")
    shell(one, f"{PIP} yak==1.0; mkdir {SITE}/~ld {SITE}/slow")
    until(lambda: not one.run(f"find {SITE}/yak -newermt '4 seconds ago'"), "it is quiet", 20)
    code, missing = stopped(one)
    assert code == 74 and SAYS in missing, one.logs()[-2000:]
    assert f"{PYTHON}: not saved: slow (" in one.logs()
    two = project.start().ready()
    assert imported(two, "yak") == "1.0" and "slow" not in two.run(f"ls {SITE}")
    # What is left of a pip that has gone, and nothing that it did.
    shell(two, f"mkdir {SITE}/~ld; {PIP} zebra==1.0")
    until(lambda: not two.run(f"find {SITE}/zebra -newermt '4 seconds ago'"), "it is quiet", 20)
    assert stopped(two) == (0, ""), two.logs()[-2000:]
    assert any(b"/zebra" in project.get(key) for key in project.manifests())
