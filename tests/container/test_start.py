"""start-jupyter as PID 1: what dies is started again or ends the container; nothing grows; nothing is left behind."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import melda
import pytest
import requests
from melda.config import notebook_args

from .machines import Machine, until
from .services import Service

Serve = Callable[..., Service]
ENV = "/usr/src/melda-jupyter/melda-env"
RUNTIME = "/home/melda/.local/share/jupyter/runtime"
STEPS = [
    "firewall", "hooks as root", "ssh", "dbus", "mount", "sync", "paths", "ownership", "hooks as the user",
    "version service", "jupyter", "ready",
]  # fmt: skip
# Names of all options of the server and what belongs to it.
OPTIONS = """
import importlib, warnings
from traitlets.config import Configurable
warnings.simplefilter('ignore')
for name in ('jupyterlab.labapp', 'notebook.app', 'jupyter_server_proxy.config', 'jupyter_server_terminals.app',
             'jupyter_lsp.manager', 'jupyter_resource_usage.config', 'jupyter_server.gateway.connections'):
    importlib.import_module(name)
def below(one):
    return {one}.union(*(below(other) for other in one.__subclasses__()))
print(*{name for one in below(Configurable) for name in one.class_traits(config=True)})
"""
# By its name an option may have to do with who gets in, or what is served. Those that we looked at, and are allowed:
MAY_OPEN = re.compile(
    "static|template|labext|handler|settings|service|token|pass|cookie|origin|xsrf|csp|secret|cert|auth|allow|root"
)
HARMLESS = {
    "accept_cookies", "allow_external_kernels", "allow_hidden", "allow_tracebacks", "allowed_envs", "allowed_extensions_uris",
    "allowed_kernelspecs", "allowed_message_types", "app_settings_dir", "auth_header_key", "auth_scheme", "auth_token",
    "ca_certs", "client_cert", "cookie_name", "extra_node_roots", "files_handler_params", "gateway_token_renewer_class",
    "host_allowlist",
    "jinja_template_vars", "node_roots", "non_service_rewrite_response",
    "override_static_url", "secret", "secret_file", "settings_url", "static",
    "static_immutable_cache", "terminado_settings", "user_settings_dir", "validate_cert",
}  # fmt: skip


def processes(machine: Machine) -> dict[str, str]:
    """Command line -> user, of everything in the container but PID 1 and the question itself."""
    listed = machine.run("ps -eo pid=,user:20=,args=").splitlines()
    rows = [line.split(None, 2) for line in listed]
    return {args: user for pid, user, args in rows if pid != "1" and not args.startswith(("ps ", "sh -c"))}


def listening(machine: Machine, table: str) -> set[int]:
    """Ports of a table of the kernel's at which something listens."""
    rows = [row.split() for row in machine.run(f"cat /proc/net/{table}").splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}


def test_path_port_and_options_by_variable(serve: Serve) -> None:
    options = "--MappingKernelManager.cull_idle_timeout=3600 --ServerApp.quit_button=False"
    service = serve(
        JUPYTER_BASE_URL="notebooks/ada",
        JUPYTER_PORT="9999",
        NOTEBOOK_ARGS=options,
        IPV6="off",
        http_proxy="proxy:3128",
    )
    service.ready()
    service.says(":9999/notebooks/ada/tree")

    def get(path: str) -> requests.Response:
        return requests.get(f"http://{service.address}:9999{path}", headers=service.notebook.headers, timeout=60)

    paths = ("/notebooks/ada/lab", "/notebooks/ada/melda-jupyter/status", "/api", "/notebooks/ada/proxy/9999/")
    assert [get(path).status_code for path in paths] == [200, 200, 404, 403]
    assert '"quitButton": false' in get("/notebooks/ada/tree").text
    assert service.health()["jupyter"] == "ok"
    assert listening(service, "tcp") >= {2310, 9999} and 8888 not in listening(service, "tcp")
    assert not listening(service, "tcp6"), "IPv6 is off"
    names = set(
        service.run(
            f"cat >/tmp/options.py <<'END'\n{OPTIONS}END\nenv -u http_proxy /opt/jupyter/bin/python -I /tmp/options.py"
        ).split()
    )
    opens = {name for name in names - notebook_args.REFUSED if MAY_OPEN.search(name)}
    assert sorted(opens - HARMLESS) == [], "this Jupyter has options that nobody has looked at"
    captured = service.run(f"{ENV} capture --attached -", "melda")
    assert '"kernels": []' in captured, "it knows where to ask"


def test_the_steps_in_the_order_of_the_specification_each_with_its_time(service: Service) -> None:
    first, *lines = service.lines()
    assert first.startswith(f"Melda Jupyter {melda.__version__} on "), "what it is comes first"
    lines = [line for line in lines if "no security updates" not in line]
    assert [line.split(":")[0] for line in lines[: len(STEPS)]] == STEPS
    assert all(line.endswith(" s)") for line in lines[: len(STEPS)]), lines
    assert lines[0].startswith("firewall: off, without NET_ADMIN"), "what nobody asked for is told"


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


def test_an_open_page_is_no_activity(service: Service) -> None:
    """What JupyterLab asks for every ten seconds, as long as it is seen."""

    def last() -> float:
        ask = "curl -s --unix-socket /run/melda-jupyter/health/jupyter http://x/melda-jupyter/activity"
        return float(json.loads(service.run(ask))["last_activity"])

    before = last()
    for path in ("kernels", "sessions", "terminals", "contents?content=1&hash=0", "metrics/v1", "kernelspecs", "me"):
        service.notebook.request("GET", f"/api/{path}")
    layout = {"data": {}, "metadata": {"id": "melda"}}
    service.notebook.request("PUT", "/lab/api/workspaces/melda", layout)
    assert last() == before
    service.notebook.request("DELETE", "/lab/api/workspaces/melda")
    made = service.notebook.request("POST", "/api/contents", {"type": "file"}).json()["path"]
    assert last() > before
    service.notebook.request("DELETE", f"/api/contents/{made}")


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
        with pytest.raises(requests.HTTPError, match="^500 "):
            service.notebook.start("julia")  # as a notebook from elsewhere asks for
        assert service.seconds_to_stop() < 8
        python.close()
        r.close()
    assert service.inspect("{{.State.ExitCode}}") == "0", service.logs()


@pytest.mark.parametrize("restarts", [1, pytest.param(20, marks=pytest.mark.full)])
def test_restarts_change_no_file(serve: Serve, restarts: int) -> None:
    service = serve().ready()
    # Jupyter notes in the home that its settings of old are taken over, a while after its first start.
    subprocess.run([service.docker, "restart", service.name], check=True, stdout=subprocess.DEVNULL)
    service.ready(times=2)
    noted = "cat /home/melda/project/.melda-jupyter/image.json"
    until(lambda: "sha256:" in service.run(noted, check=False), "the project knows this image's number")
    # All by name; by content what was written since the container was made.
    made = service.inspect("{{.Created}}")
    listing = (
        "find /etc /home /root /usr/src /usr/local /opt/jupyter /var/lib -xdev -type f"
        " ! -path '/home/melda/.ipython/*' ! -path '/etc/resolv.conf' ! -path '/etc/host*'"
        # The running server's own, called after its process number and gone when it ends.
        f" ! -path '{RUNTIME}/*' -print -newerct '{made}' -exec sha256sum {{}} +; ls {RUNTIME} | wc -l"
    )
    before = service.run(listing)
    for number in range(3, 3 + restarts):
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
    def roots() -> set[str]:
        return {args.split()[0].rsplit("/", 1)[-1] for args, user in processes(service).items() if user == "root"}

    # Docker's health check begins as root, and is the user's a moment later.
    until(lambda: roots() <= {"dbus-daemon", "sshd", "sshd:", "s3fs"}, f"only what must is root's: {roots()}", 10)


def test_a_broken_file_of_variables_stops_with_one_line(serve: Serve) -> None:
    code, lines = serve("--env", "JUPYTER_WORKDIR=relative").ended()
    assert code == 1
    assert lines == ["invalid JUPYTER_WORKDIR='relative': expected an absolute path such as /home/melda"]
    code, lines = serve(NOTEBOOK_ARGS="--ServerApp.max_body_size=large").ended()
    assert code == 1 and "jupyter: it does not start with NOTEBOOK_ARGS; its own line above says why" in lines, lines
