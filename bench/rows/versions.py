"""`GET /versions`: warm, first, and 1,000 at 64 at once while packages come and go; against asking pip and R."""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from bench import stale
from bench.results import OURS, Result, Target
from bench.workbench import Workbench
from builder import docker as client
from builder.errors import BuildError

NAME = "versions"
REPEATS = 5
WARM, REQUESTS, AT_ONCE = 200, 1000, 64
ASKING = "pip list and Rscript"
NOTE = (
    "/versions: warm, 200 answers one after another over one connection; first, right after the service has started, against "
    "`pip list` and `Rscript -e 'installed.packages()'` timed inside of the same container; under load, 1,000 requests, 64 at "
    "once, while pip installs, upgrades and removes a package all the time and a process of the user's does the same by hand, "
    "for Python and R, some twenty times a second; all note when. An answer is stale by how long before the request what it "
    "invalid says was true for the last time; an answer that is no JSON or misses a package that is always there."
)
CHURN = (Path(__file__).parent.parent / "churn.py").read_text()
ASK = (
    "b=$(date +%s%N); pip list >/dev/null 2>&1; Rscript -e 'installed.packages()' >/dev/null;"
    " echo $((($(date +%s%N) - b) / 1000000))"
)


def address(workbench: Workbench, name: str) -> str:
    """URL of the version service of a container."""
    found = client.inspect(workbench.docker, "container", name)
    return f"http://{found['NetworkSettings']['IPAddress']}:2310"


def first(workbench: Workbench, name: str) -> float:
    """Seconds of the first answer after the service has started again."""
    client.call(workbench.docker, "restart", name)
    url = address(workbench, name)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            requests.get(url + "/nothing", timeout=5)
            break
        except requests.RequestException:
            time.sleep(0.01)
    began = time.monotonic()
    requests.get(url + "/versions", timeout=60).raise_for_status()
    return time.monotonic() - began


class Writer:
    """A user's process in the container that installs and removes packages while the block runs."""

    def __init__(self, workbench: Workbench, name: str) -> None:
        folders = client.call(
            workbench.docker, "exec", name, "sh", "-c",
            "ls -d /home/melda/project/Python-*/lib/python*/site-packages /home/melda/project/R-*",
        ).split()  # fmt: skip
        run = [workbench.docker, "exec", "--interactive", "--user", "melda", name]
        self._run = [*run, "/opt/jupyter/bin/python", "-c", CHURN, *folders, "/opt/jupyter/bin/pip"]
        self.changes: dict[str, list[stale.Change]] = {}

    def __enter__(self) -> Writer:
        self._process = subprocess.Popen(self._run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "going\n":
            raise BuildError("the program that installs packages under load does not run; its output is above")
        return self

    def __exit__(self, *_: object) -> None:
        output = self._process.communicate()[0]
        self.changes = json.loads(output or "{}")


def asked(url: str) -> tuple[float, float, bytes]:
    """When it was asked for and answered, and the answer. No connection is left open."""
    began = time.time()
    content = requests.get(url, timeout=60, headers={"Connection": "close"}).content
    return began, time.time(), content


def under_load(workbench: Workbench, name: str) -> tuple[int, float]:
    """Return how many of the answers are invalid, and the seconds by which the stalest is.

    Raises:
        BuildError: nothing was installed meanwhile.
    """
    url = address(workbench, name) + "/versions"
    always = {language: requests.get(url, timeout=60).json()[language].keys() for language in ("Python", "R")}
    with Writer(workbench, name) as writer, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(asked, [url] * REQUESTS))
    wrong, stalest = 0, 0.0
    for began, ended, content in answers:
        try:
            found = json.loads(content)
            complete = all(names <= found[language].keys() for language, names in always.items())
        except (ValueError, KeyError):
            complete = False
        if not complete:
            wrong += 1
            continue
        everything = {**found["Python"], **found["R"]}
        ages = [stale.seconds(made, began, ended, everything.get(kind)) for kind, made in writer.changes.items()]
        stalest = max(stalest, *ages)
    first_asked, last_answered = min(answer[0] for answer in answers), max(answer[1] for answer in answers)
    made = {kind: sum(first_asked < end < last_answered for _, end, _ in all_) for kind, all_ in writer.changes.items()}
    if not made or not all(made.values()):
        raise BuildError(f"nothing was measured under load: the changes meanwhile are {made}")
    took = last_answered - first_asked
    print(
        f"    {REQUESTS} answers in {took:.1f} s, changes meanwhile: {made}, stale at most {stalest:.3f} s", flush=True
    )
    return wrong, stalest


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Return the four figures."""
    with workbench.container("versions", workbench.image(), "start-jupyter") as name:
        workbench.wait(name, "ready: ")
        firsts = [first(workbench, name) for _ in range(repeats)]
        asking = []
        for _ in range(repeats):
            output = client.call(workbench.docker, "exec", "--user", "melda", name, "bash", "-lc", ASK)
            asking.append(int(output) / 1000)
        warm = []
        url = address(workbench, name) + "/versions"
        with requests.Session() as session:
            for _ in range(WARM):
                began = time.monotonic()
                session.get(url, timeout=60).raise_for_status()
                warm.append((time.monotonic() - began) * 1000)
        load = [under_load(workbench, name) for _ in range(repeats)]
    return [
        Result("/versions, warm", "ms", {OURS: warm}, [Target(10.0)]),
        Result("/versions, first answer", "s", {OURS: firsts, ASKING: asking}, [Target(0.5, ASKING)]),
        Result(
            "/versions, answers of 1,000 under load that are invalid",
            "",
            {OURS: [float(w) for w, _ in load]},
            [Target(0.0)],
        ),
        Result("/versions, stalest answer under load", "s", {OURS: [s for _, s in load]}, [Target(1.0)]),
    ]
