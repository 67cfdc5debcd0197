"""Whatever state a run finds, it mends: every path that the project manages, damaged at random, in one real container.

The paths come from the code: what the deploy asks PathStats about, and all that is in the environment and below $SRC.
"""

from __future__ import annotations

import random
import runpy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyinfra.facts.files import Directory

from tasks.facts.files import PathStats
from tests.operations.conftest import ROOT, Run, run  # noqa: F401 - a fixture

from .fixtures import Machines
from .machines import Machine, provision, until

ENV, SRC = "/opt/jupyter", "/usr/src/melda-jupyter"
USERS = "1001:1001"
DAMAGES = {
    "deleted": "rm -rf {0}",
    "emptied": "[ -d {0} ] || : >{0}",
    "rubbish": "[ -d {0} ] || head -c 999 /dev/urandom >{0}",
    "rubbish behind a header": "[ -d {0} ] || printf rubbish | dd of={0} bs=1 seek=16 conv=notrunc status=none",
    "writable": "chmod -h o+w {0} 2>/dev/null || chmod o+w {0}",
    "unreadable": "chmod 000 {0}",
    "the user's": "chown -h " + USERS + " {0}",
    "a folder": "rm -rf {0}; mkdir -p {0}/in",
    "a link": "rm -rf {0}; ln -s /etc/hostname {0}",
    "a link to a folder": "rm -rf {0}; ln -s /var/tmp {0}",
    "a pipe": "rm -rf {0}; mkfifo {0}",
    "a file": "rm -rf {0}; echo x >{0}",
}
# A run that cannot include it ends with one line instead.
ONLY = {
    "/etc/ssh/sshd_config": {"deleted", "emptied", "writable", "the user's", "a folder", "a pipe"},
    "/root/.ssh": {*DAMAGES} - {"a link", "a link to a folder"},
    "/root/.ssh/authorized_keys": {*DAMAGES} - {"a link to a folder"},
}
# Each of these costs a whole environment, or is a folder of the system.
NEVER = {ENV, f"{ENV}/verified", f"{ENV}/lib", SRC, "/etc", "/root", "/usr"}
COUNT = 14
# What a run that looks at existence alone takes for whole, all at once, and each with what shows that it is whole again.
EMPTIED = {
    "ln -sfn python3.99 /usr/bin/python3; : >/usr/bin/python3.11": "/usr/bin/python3 -c 'import apt'",
    ": >/usr/lib/R/site-library/dplyr/R/dplyr.rdb; rm -rf /etc/R /usr/share/R": "Rscript -e 'library(dplyr)'",
    "cd /etc/alternatives; rm awk libblas* liblapack*": "Rscript -e 'solve(2)' && awk 1 /dev/null",
    ": >/var/lib/dpkg/info/s3fs.list; rm /usr/bin/s3fs; rm /usr/lib/*/libfuse.so.2*": "s3fs --version",
    "chmod 644 /usr/bin/git": "git --version",
    "rm /usr/bin/jq; mkdir -p /usr/bin/jq/in": "jq --version && [ -d /usr/bin/jq.set-aside-*/in ]",
    "cd /etc; rm -r init.d/ssh pam.d/sshd; echo '# mine' >>default/ssh": "grep mine /etc/default/ssh && cat /etc/pam.d/sshd",
    "rm -rf /usr/share/dbus-1/system.conf /usr/share/i18n": "cat /usr/share/dbus-1/system.conf /usr/share/i18n/locales/en_US",
    ": >/usr/lib/locale/locale-archive": "[ $(LC_ALL=en_US.UTF-8 locale charmap) = UTF-8 ]",
}
# What is no path that an operation asks about: the account, Debian's packages, folders above ours.
BESIDE = [
    "usermod -aG sudo,root,staff melda",
    "usermod -e 1 melda",
    "sed -i /^melda:/d /etc/shadow",
    "chmod 666 /etc/environment",
    "chown melda /etc/R /usr/local/bin /usr/local/lib/R/site-library",
    "rm -r /usr/bin/python3 /usr/bin/s3fs /usr/lib/R/site-library/dplyr",
    "chmod 755 /tmp",
]
# The same, all at once and first.
TOGETHER = [
    "apt-get update && touch /var/lib/apt/melda-jupyter.fetched && apt-get remove -y r-cran-data.table"
    " && truncate -s 5000 /var/lib/apt/lists/*_Packages",
    "rm -rf /etc/ssl/certs",
    "chmod 777 / /opt /root /var/lib /usr/src /usr/local/bin",
]


def asked(ask: Run) -> list[str]:
    """The paths that the deploy manages, by what its operations want to know."""
    found: set[str] = set()
    facts = {Directory: None, PathStats: lambda paths: found.update(paths) or {}}
    ask(lambda: runpy.run_path(str(ROOT / "deploy.py")), facts, packages="core")
    return sorted(found)


class Target:
    """The container, its managed paths, and a run over it."""

    def __init__(self, docker: str, machine: Machine, paths: list[str]) -> None:
        self.docker, self.machine = docker, machine
        there = machine.run("for p in " + " ".join(paths) + '; do [ -e "$p" ] && echo "$p"; done; true')
        venv = machine.run(f"find {ENV} -path '*/site-packages/*/*/*' -prune -o -print")
        bytecode = machine.run(f"find {SRC} -name '*.pyc' -o -name __pycache__")
        self.kinds = [sorted(set(text.splitlines()) - NEVER) for text in (there, venv, bytecode) if text]

    def provision(self) -> list[str]:
        done = provision(self.docker, f"@docker/{self.machine.name}", packages="core")
        assert done.code == 0 and "Traceback" not in done.output, done.output[-3000:]
        return done.changed

    def starts(self) -> None:
        """start-jupyter answers, and Jupyter finds both kernels."""
        do = self.machine.run
        do("start-jupyter >/tmp/started 2>&1 &")
        probe = "import urllib.request as r; r.urlopen('http://localhost:2310/healthz', timeout=5)"
        until(lambda: not do(f'python3 -c "{probe}" >/dev/null 2>&1 || echo no'), "start-jupyter answers")
        assert do(f"runuser -u melda -- {ENV}/bin/jupyter kernelspec list").split()[-4::2] == ["python3", "ir"]
        # What it started ends with the container, which goes on as it was left.
        self.machine.stop()
        self.machine.start()


@pytest.fixture
def target(docker: str, image: str, machines: Machines, run: Run) -> Target:  # noqa: F811 - the fixture
    return Target(docker, machines(image, ("--init", "--tmpfs", "/tmp"), ("tail", "-f", "/dev/null")), asked(run))


def damaged(target: Target, seed: int) -> list[str]:
    """Damage paths of every kind, and say in shell how."""
    choose = random.Random(seed)
    commands = []
    for number in range(COUNT):
        path = choose.choice(target.kinds[number % len(target.kinds)])
        damage = choose.choice(sorted(ONLY.get(path, DAMAGES.keys())))
        commands.append(f"# {damage}\n" + DAMAGES[damage].format(f"'{path}'"))
    commands.append(choose.choice(BESIDE))
    target.machine.run(";\n".join(f"{{ {command}\n}} 2>/dev/null || true" for command in commands))
    return commands


def heals(target: Target, seed: int) -> None:
    commands = damaged(target, seed)
    assert target.provision() != [], commands
    assert target.provision() == [], commands
    target.starts()


def test_a_run_heals_and_the_next_changes_nothing(target: Target) -> None:
    """Also where /tmp is a tmpfs, which docker cp does not see and nothing may be executed in."""
    target.machine.run("; ".join(f"{{ {command}; }} >/dev/null 2>&1" for command in TOGETHER))
    heals(target, 2)


def test_what_is_there_and_of_no_use_is_mended(target: Target) -> None:
    """Each of these ended with 0, "No changes", and nothing that started."""
    target.machine.run("; ".join(EMPTIED))
    target.provision()
    for damage, shown in EMPTIED.items():
        assert "FAILED" not in target.machine.run(f"{{ {shown}; }} >/dev/null || echo FAILED", check=False), damage
    assert target.provision() == []
    target.starts()


def test_without_perl_a_run_says_so(target: Target) -> None:
    """Perl looks for what is missing, and apt's waiting is written in it."""
    target.machine.run("rm /usr/bin/perl")
    done = provision(target.docker, f"@docker/{target.machine.name}", packages="core")
    assert done.code != 0 and "perl does not run: expected perl-base" in done.output, done.output[-3000:]


@pytest.mark.full
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(3, 2**32))
def test_many_states(target: Target, seed: int) -> None:
    heals(target, seed)
