"""start-jupyter as PID 1: what dies is started again or ends the container; nothing grows; nothing is left behind."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import melda
import pytest
import requests

from .machines import Machine, until
from .services import Service

Serve = Callable[..., Service]
RUNTIME = "/home/melda/.local/share/jupyter/runtime"
STEPS = [
    "firewall", "hooks as root", "ssh", "dbus", "mount", "sync", "paths", "ownership", "hooks as the user",
    "version service", "jupyter", "ready",
]  # fmt: skip


def processes(machine: Machine) -> dict[str, str]:
    """Command line -> user, of everything in the container but PID 1 and the question itself."""
    listed = machine.run("ps -eo pid=,user:20=,args=").splitlines()
    rows = [line.split(None, 2) for line in listed]
    return {args: user for pid, user, args in rows if pid != "1" and not args.startswith(("ps ", "sh -c"))}


def test_below_a_path_of_its_own(serve: Serve) -> None:
    service = serve(JUPYTER_BASE_URL="notebooks/ada").ready()
    service.says(":8888/notebooks/ada/tree")
    headers = service.notebook.headers

    def status(path: str) -> int:
        return requests.get(service.notebook.url + path, headers=headers, timeout=60).status_code

    found = {path: status(path) for path in ("/notebooks/ada/lab", "/notebooks/ada/melda-jupyter/status", "/api")}
    assert found == {"/notebooks/ada/lab": 200, "/notebooks/ada/melda-jupyter/status": 200, "/api": 404}
    assert service.health()["jupyter"] == "ok"


def test_the_steps_in_the_order_of_the_specification_each_with_its_time(service: Service) -> None:
    first, *lines = service.lines()
    assert first.startswith(f"Melda Jupyter {melda.__version__} on "), "what it is comes first"
    lines = [line for line in lines if "no security updates" not in line]
    assert [line.split(":")[0] for line in lines[: len(STEPS)]] == STEPS
    assert all(line.endswith(" s)") for line in lines[: len(STEPS)]), lines


@pytest.mark.parametrize(
    ("name", "pattern"), [("version service", "version_check_webservice"), ("dbus", "dbus-daemon")]
)
def test_what_may_die_is_started_again(service: Service, name: str, pattern: str) -> None:
    before = service.logs().count(f"{name} was killed by signal 9; starting it again")
    service.run(f"pkill --signal KILL --full '[{pattern[0]}]{pattern[1:]}'")
    until(
        lambda: service.logs().count(f"{name} was killed by signal 9; starting it again") == before + 1, "it is missed"
    )

    def well() -> bool:
        try:
            return requests.get(f"http://{service.address}:2310/healthz", timeout=30).status_code == 200
        except requests.ConnectionError:
            return False

    until(well, "all is well again")
    assert service.notebook.run("python3", "print(1)").stdout == "1\n"


def test_orphans_are_reaped(service: Service) -> None:
    service.run("sh -c '(sleep 0.1 &) ; true'", user="melda")
    until(lambda: "defunct" not in service.run("ps -e"), "no zombie")


def test_started_twice(service: Service) -> None:
    output = service.run("start-jupyter", check=False)
    assert (
        output.strip().partition(" error ")[2]
        == "start-jupyter: it runs already in this container; docker restart starts it again"
    )
    assert service.run("start-jupyter >/dev/null 2>&1; echo $?").strip() == "1"
    assert service.notebook.run("python3", "print(1)").stdout == "1\n", "the first one goes on"


def test_jupyter_killed_ends_the_container_with_its_code(serve: Serve) -> None:
    service = serve().ready()
    service.run("pkill --signal KILL --full '[j]upyter_notebook'", check=False)
    code, lines = service.ended()
    assert code == 137
    assert "jupyter was killed by signal 9" in lines


def test_a_busy_kernel_does_not_delay_a_stop(serve: Serve) -> None:
    service = serve().ready()
    with service.notebook.start("python3") as python, service.notebook.start("ir") as r:
        python.send(
            "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen('busy', 'w')\nwhile True: pass"
        )
        r.send("repeat {}")
        until(lambda: "busy" in service.run("ls /home/melda/project"), "the kernel computes")
        assert service.seconds_to_stop() < 8
        python.close()
        r.close()
    assert service.inspect("{{.State.ExitCode}}") == "0", service.logs()


def test_twenty_restarts_change_no_file(serve: Serve) -> None:
    service = serve().ready()
    # Jupyter notes in the home that its settings of old are taken over, a while after its first start.
    subprocess.run([service.docker, "restart", service.name], check=True, stdout=subprocess.DEVNULL)
    service.ready(times=2)
    noted = "cat /home/melda/project/.melda-jupyter/image.json"
    until(lambda: "sha256:" in service.run(noted, check=False), "the project knows this image's number")
    listing = (
        "find /etc /home /root /usr/src /usr/local /opt/jupyter /var/lib -xdev -type f"
        " ! -path '/home/melda/.ipython/*' ! -path '/etc/resolv.conf' ! -path '/etc/host*'"
        # The running server's own, called after its process number and gone when it ends.
        f" ! -path '{RUNTIME}/*' -print0 | xargs -0 sha256sum; ls {RUNTIME} | wc -l"
    )
    before = service.run(listing)
    for number in range(3, 23):
        subprocess.run([service.docker, "restart", service.name], check=True, stdout=subprocess.DEVNULL)
        service.ready(times=number)
    assert set(service.run(listing).splitlines()) ^ set(before.splitlines()) == set()


def test_versions_under_load_while_packages_come_and_go(service: Service) -> None:
    """1,000 answers, 64 at once: each is whole JSON that names every package that was there all along."""
    url = f"http://{service.address}:2310/versions"
    always = {"Python", "numpy", "pandas", "jupyter"}
    churn = (
        'd=$(echo "$PYTHONPATH" | cut -d: -f1); [ -d "$d" ] || d=$(ls -d /home/melda/project/Python-*);'
        " while [ ! -e /tmp/enough ]; do mkdir -p $d/comes_and_goes-1.dist-info;"
        " printf 'Name: comes-and-goes\\nVersion: 1\\n' > $d/comes_and_goes-1.dist-info/METADATA;"
        " rm -r $d/comes_and_goes-1.dist-info; done"
    )
    worker = threading.Thread(target=lambda: service.run(churn, user="melda"))
    worker.start()
    try:
        with requests.Session() as session, ThreadPoolExecutor(64) as pool:
            session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))
            answers = list(pool.map(lambda _: session.get(url, timeout=30), range(1000)))
    finally:
        service.run("touch /tmp/enough", user="melda")
        worker.join()
    found = [json.loads(answer.content) for answer in answers]
    assert {answer.status_code for answer in answers} == {200}
    assert [answer for answer in found if not always <= answer["Python"].keys()] == []
    assert {tuple(answer["R"].items()) for answer in found} == {tuple(found[0]["R"].items())}


def test_a_package_is_seen_at_once(service: Service) -> None:
    url = f"http://{service.address}:2310/versions"
    folder = service.run("ls -d /home/melda/project/R-*").strip()
    service.run(
        f"mkdir {folder}/seen && printf 'Package: seen\\nVersion: 1.2\\n' > {folder}/seen/DESCRIPTION", user="melda"
    )
    assert requests.get(url, timeout=10).json()["R"]["seen"] == "1.2"
    service.run(f"printf 'Package: seen\\nVersion: 1.10\\n' > {folder}/seen/DESCRIPTION", user="melda")
    assert requests.get(url, timeout=10).json()["R"]["seen"] == "1.10"
    service.run(f"rm -r {folder}/seen", user="melda")
    assert "seen" not in requests.get(url, timeout=10).json()["R"]


def test_only_what_must_is_roots(service: Service) -> None:
    roots = {args.split()[0].rsplit("/", 1)[-1] for args, user in processes(service).items() if user == "root"}
    assert roots <= {"dbus-daemon", "sshd", "sshd:", "s3fs"}, roots


def test_a_broken_file_of_variables_stops_with_one_line(serve: Serve) -> None:
    code, lines = serve("--env", "JUPYTER_WORKDIR=relative").ended()
    assert code == 1
    assert lines == ["invalid JUPYTER_WORKDIR='relative': expected an absolute path such as /home/melda"]
