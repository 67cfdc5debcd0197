"""From `docker run` to the first result of a cell, in each kernel, against bare Jupyter and against the kernel by hand."""

from __future__ import annotations

import contextlib
import subprocess
import time
import uuid

from bench import project
from bench.alternate import samples
from bench.project import Storage
from bench.results import OURS, Result, Target
from bench.rows.container_start import port_of, until_it_answers
from bench.workbench import Workbench
from builder import docker as client
from builder.errors import BuildError
from tests.container.notebook import Notebook

NAME = "first-cell"
REPEATS = 5
BARE, BY_HAND = "jupyter alone", "the kernel by hand"
TOKEN = uuid.uuid4().hex
NOTE = (
    "First cell: from `docker run` until the result of `1 + 1` is here, asked of Jupyter's REST interface and its WebSocket as "
    "soon as it answers, in a container made for it; ours with a project in S3 (moto on the same machine) and the firewall "
    "set. The alternatives are `jupyter notebook` as the only process of a container of the same image, with the same "
    "configuration and without any of this, and a script in such a container that starts the kernel with jupyter_client, "
    "without a server."
)
KERNELS = {"python3": "Python", "ir": "R"}
SCRIPT = """
import sys
from jupyter_client.manager import start_new_kernel
manager, kernel = start_new_kernel(kernel_name=sys.argv[1])
kernel.execute_interactive('1 + 1', output_hook=lambda message: message['msg_type'] in (
    'execute_result', 'display_data') and print(message['content']['data']['text/plain'], flush=True))
"""
AS_USER = ["--user", "melda", "--env", "HOME=/home/melda"]
RESULTS = {"2", "[1] 2"}


def through_jupyter(workbench: Workbench, kernel: str, options: list[str], command: list[str]) -> float:
    """Seconds until a Jupyter in a new container has given the result.

    Raises:
        BuildError: it gave another one.
    """
    name = f"{workbench.token}-{uuid.uuid4().hex[:8]}"
    run = ["run", "--detach", "--name", name, "--publish", "127.0.0.1::8888", "--env", f"JUPYTER_TOKEN={TOKEN}"]
    # Before the time counts: who asks first waits until it is built.
    image = workbench.image()
    try:
        began = time.monotonic()
        client.call(workbench.docker, *run, *options, image, *command)
        port = port_of(workbench, name)
        until_it_answers(port, began)
        with Notebook(f"http://127.0.0.1:{port}", TOKEN).start(kernel) as running:
            results = running.run("1 + 1").results
            took = time.monotonic() - began
    finally:
        subprocess.run([workbench.docker, "rm", "--force", "--volumes", name], capture_output=True, check=False)
    if not RESULTS & set(results):
        raise BuildError(f"1 + 1 in {kernel} is {results}: the row would measure something else")
    return took


def by_hand(workbench: Workbench, kernel: str) -> float:
    """Seconds until a script in a new container has the result.

    Raises:
        BuildError: it has another one.
    """
    name = f"{workbench.token}-{uuid.uuid4().hex[:8]}"
    command = ["run", "--rm", "--name", name, *AS_USER, workbench.image(), "python", "-c", SCRIPT, kernel]
    began = time.monotonic()
    with subprocess.Popen([workbench.docker, *command], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        line = running.stdout.readline().strip()
        took = time.monotonic() - began
        subprocess.run([workbench.docker, "rm", "--force", "--volumes", name], capture_output=True, check=False)
    if line not in RESULTS:
        raise BuildError(f"1 + 1 in {kernel} is {line!r}: the row would measure something else")
    return took


def once(workbench: Workbench, s3: Storage, kernel: str, which: str) -> float:
    """Seconds of one start."""
    if which == BY_HAND:
        return by_hand(workbench, kernel)
    options, command = ([*s3.options("first")], ["start-jupyter"])
    if which == BARE:
        options, command = AS_USER, ["jupyter", "notebook"]
    return through_jupyter(workbench, kernel, options, command)


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Seconds until the first result."""
    found = []
    with contextlib.ExitStack() as stack:
        s3 = stack.enter_context(project.storage(workbench.docker))
        s3.fill("first", 10)
        for kernel, language in KERNELS.items():

            def one(which: str, kernel: str = kernel) -> float:
                return once(workbench, s3, kernel, which)

            one(OURS)  # what only the first container of an image does
            times = samples([OURS, BARE, BY_HAND], one, repeats, "s")
            found.append(Result(f"the first result in {language}", "s", times, [Target(1.25, BARE)]))
    return found
