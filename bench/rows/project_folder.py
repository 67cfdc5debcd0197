"""What a user does in the project's folder, in requests to S3 and seconds: s3fs as it is started here, and as specified."""

from __future__ import annotations

import contextlib
import subprocess
import time
import uuid
from collections.abc import Iterator

from bench import project
from bench.alternate import order
from bench.project import Storage
from bench.results import OURS, Result, Target
from bench.workbench import Workbench

NAME = "project-folder"
REPEATS = 2
SPECIFIED = "s3fs as specified"
DELAY = 0.02  # seconds before each answer of S3
LIMIT = 0.6
FOLDER = "/run/measured"
# What is said of it -> the module of bench/actions that does it. Git's take minutes, and are done once.
ACTIONS = {
    "50 files made": "make",
    "50 files overwritten": "overwrite",
    "50 files listed": "list",
    "50 files read": "read",
    "50 files read again": "read",
    "50 files renamed": "rename",
    "a notebook saved twice": "notebook",
    "500 MB written": "large",
    "a repository with 200 new files": "repository",
    "git status of them": "status",
    "git commit of them": "commit",
    "git status after it": "status",
}
ONCE = ("repository", "status", "commit")
NOTE = (
    f"The project's folder: requests to S3 (moto on the same machine, {DELAY * 1000:g} ms before each answer) and seconds of "
    "what a user does, one action after the other in one mount, as melda in a container of the image: s3fs with the options of "
    "melda/mount/options.py for its version, and with those of the specification (without its debug output). Rename: `mv`, file "
    "by file; the notebook: saved by jupyter_server's own code. Git's actions are measured once; the "
    "specification knows no /etc/gitconfig, so git reads none there."
)
MOUNT = """
set -e
printf '%s:%s\\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" > /root/.passwd-s3fs
chmod 600 /root/.passwd-s3fs
mkdir -p {folder}
s3fs {bucket}:/{project} {folder} -o umask=0007,uid=1001,gid=1001 -o allow_other -o passwd_file=/root/.passwd-s3fs \\
    -o url={url} -o use_path_request_style {more}
until mountpoint -q {folder}; do sleep 0.05; done
"""
SPARING = (
    "cd /usr/src/melda-jupyter && python3 -c 'from melda.mount import options as o; print(*o.sparing(o.version()))'"
)


def slowed(_method: str, _path: str) -> str:
    """Let each request wait, and refuse none."""
    time.sleep(DELAY)
    return ""


@contextlib.contextmanager
def mounted(workbench: Workbench, s3: Storage, kind: str) -> Iterator[str]:
    """A container with a new project, mounted as ``kind`` says; its name."""
    name, folder = f"{workbench.token}-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    s3.server.client().put_object(Bucket=project.BUCKET, Key=folder + "/", ContentType="application/x-directory")
    volume = ["--volume", f"{workbench.tree}/bench/actions:/actions:ro", "--entrypoint", "sleep"]
    command = [workbench.docker, "run", "--detach", "--name", name, *s3.options(folder), *volume]
    try:
        workbench.run("starting a container", [*command, workbench.image(), "infinity"])
        exec_ = [workbench.docker, "exec", name, "sh", "-c"]
        chosen = workbench.run("asking for the options", [*exec_, SPARING]).split() if kind == OURS else []
        more = " ".join(f"-o {option}" for option in chosen)
        script = MOUNT.format(folder=FOLDER, bucket=project.BUCKET, project=folder, url=s3.server.url, more=more)
        workbench.run("mounting", [*exec_, script])
        yield name
    finally:
        subprocess.run([workbench.docker, "rm", "--force", "--volumes", name], capture_output=True, check=False)


def act(workbench: Workbench, s3: Storage, name: str, action: str, kind: str) -> tuple[float, float]:
    """Requests and seconds of one action; what s3fs still sends when the program has ended is waited for, and counts."""
    before = len(s3.server.requests)
    system = ["--env", "GIT_CONFIG_NOSYSTEM=1"] if kind == SPECIFIED else []
    command = [workbench.docker, "exec", "--user", "melda", "--workdir", FOLDER, "--env", "HOME=/tmp", *system, name]
    command += ["/opt/jupyter/bin/python", "/actions/timed.py", action]
    took = float(workbench.run(action, command).split()[-1])
    settled = before
    while settled != len(s3.server.requests):
        settled = len(s3.server.requests)
        time.sleep(5 * DELAY)
    return float(settled - before), took


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Return two figures for each action, and for all of them."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {what: {OURS: [], SPECIFIED: []} for what in ACTIONS}
    with project.storage(workbench.docker) as s3:
        s3.server.judge = slowed
        done: set[str] = set()
        for kind in order([OURS, SPECIFIED], repeats):
            with mounted(workbench, s3, kind) as name:
                for what, action in ACTIONS.items():
                    if action in ONCE and kind in done:
                        continue
                    found[what][kind].append(act(workbench, s3, name, action, kind))
                    requests, seconds = found[what][kind][-1]
                    print(f"    {kind}: {what}: {requests:.0f} requests, {seconds:.2f} s", flush=True)
            done.add(kind)
    return results(found)


def results(found: dict[str, dict[str, list[tuple[float, float]]]]) -> list[Result]:
    """As rows of the table: first all actions together, then each.

    Args:
        found: action -> kind -> requests and seconds of each repeat.
    """
    made = []
    targets = [Target(LIMIT, SPECIFIED)]
    for at, unit, word in ((0, "", "requests"), (1, "s", "seconds")):
        each = [
            Result(f"{what}: {word}", unit, {kind: [one[at] for one in some] for kind, some in kinds.items()}, targets)
            for what, kinds in found.items()
        ]
        sums = {kind: [sum(one.median(kind) for one in each)] for kind in (OURS, SPECIFIED)}
        made += [Result(f"all that a user does in the project's folder: {word}", unit, sums, targets), *each]
    return made
