"""Nobody becomes root: the user's processes have no right but the user's, and root reads nothing the user wrote."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.privileges import ALLOWED
from tests.fakes.s3 import Server
from tests.fakes.serve import gateway

from .machines import provision
from .notebook import Kernel
from .services import MOUNT, Service, bucket_variables
from .test_ssh import login

# The home with the project, /tmp, and the plugin folders' place on local disk; what Docker mounts is another file system.
OWN = ("/home/melda", "/tmp", "/var/lib/melda-jupyter/plugins")


@pytest.fixture(scope="module")
def service(docker: str, image: str, public_key: str) -> Iterator[Service]:
    """A container with all that runs as root: the mount, the firewall, sshd."""
    with Server(gateway(docker=docker)) as s3:
        bucket = s3.bucket("melda-projects")
        keys = s3.credentials("melda-test-role", bucket)
        options = (*MOUNT, "--cap-add", "NET_ADMIN")
        variables = bucket_variables(s3, bucket, keys) | {"PGEO_IPS": gateway(docker=docker), "EGRESS": "open"}
        running = Service(docker, image, options, SSH_AUTHORIZED_KEYS=public_key, **variables)
        try:
            yield running.ready()
        finally:
            running.remove()


@pytest.fixture(scope="module")
def kernel(service: Service) -> Iterator[Kernel]:
    """A kernel of Python in it, until it is restarted; its cells are what a user has."""
    kernel = service.notebook.start("python3")
    yield kernel
    kernel.close()


def in_notebook(kernel: Kernel, code: str) -> str:
    """What a cell of Python prints."""
    done = kernel.run(code, timeout=120)
    assert done.status == "ok", done.error
    return done.stdout


def test_no_program_gives_rights_but_those_listed(service: Service, kernel: Kernel) -> None:
    found = service.run("find / -xdev -type f -perm /6000").split()
    assert tuple(found) == ALLOWED
    refused = in_notebook(kernel, f"import os; print([os.access(path, os.X_OK) for path in {found!r}])")
    assert refused == "[False]\n", "and those not to the user"


def test_the_user_locks_no_file_that_roots_programs_lock(service: Service, kernel: Kernel) -> None:
    """Whoever may read a file may lock it: then apt, debconf, fc-cache or start-jupyter end, or wait for ever."""
    named = "-name lock -o -name Lock -o -name lock-frontend -o -name '*.lock' -o -path '*/debconf/*.dat'"
    named += " -o -path '/var/cache/fontconfig/*'"
    found = service.run(f"find /etc /run /var -xdev -type f -user root \\( {named} \\)").split()
    assert {"/run/start-jupyter.lock", "/var/cache/debconf/config.dat", "/var/lib/dpkg/lock"} <= set(found)
    assert in_notebook(kernel, f"import os; print([p for p in {found!r} if os.access(p, os.R_OK)])") == "[]\n"


STATUS = """
import glob, json, re
found = {}
for path in glob.glob("/proc/[0-9]*"):
    try:
        status, limits = open(path + "/status").read(), open(path + "/limits").read()
        command = open(path + "/cmdline").read().replace("\\0", " ").strip()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        continue
    found[command] = dict(re.findall("^(Uid|NoNewPrivs|Cap...):\\s+(\\w+)", status, re.M))
    found[command]["core"] = re.search("core file size +(\\w+ +\\w+)", limits)[1].split()
print(json.dumps(found))
"""


def test_the_users_processes_have_no_capability_and_get_none(service: Service, kernel: Kernel) -> None:
    with service.notebook.start("ir") as r:
        r.run("1")
        found = json.loads(in_notebook(kernel, STATUS))
    users = {command: has for command, has in found.items() if has["Uid"] == "1001"}
    for kind in ("IRkernel", "jupyter_notebook.py", "version_check_webservice", "plugin-sync"):
        assert any(kind in command for command in users), (kind, sorted(users))
    for command, has in users.items():
        assert has["NoNewPrivs"] == "1", command
        assert {int(has[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}, command


def test_who_is_root(kernel: Kernel) -> None:
    found = json.loads(in_notebook(kernel, STATUS))
    roots = {command.split()[0].rsplit("/", 1)[-1] for command, has in found.items() if has["Uid"] == "0"}
    assert roots <= {"python3", "sshd", "sshd:", "s3fs", "dbus-daemon"}, roots
    pythons = [command for command, has in found.items() if has["Uid"] == "0" and "/python3 " in command]
    # Docker asks it every few seconds, beside what the container started.
    pythons = [command for command in pythons if not command.endswith(" /usr/local/bin/healthcheck")]
    assert ["start-jupyter" in command for command in pythons] == [True], pythons


def test_nothing_leaves_a_core_file(kernel: Kernel) -> None:
    """It would hold the keys in s3fs's memory, or the token in Jupyter's."""
    found = json.loads(in_notebook(kernel, STATUS))
    assert {command: has["core"] for command, has in found.items() if has["core"] != ["0", "0"]} == {}
    code = (
        "import os, subprocess\n"
        "process = subprocess.Popen(['sleep', '60'])\n"
        "process.send_signal(3)\n"
        "print(process.wait(), [name for name in os.listdir() if 'core' in name])"
    )
    assert in_notebook(kernel, code) == "-3 []\n"


def test_the_user_may_write_to_few_places(kernel: Kernel) -> None:
    code = (
        "import subprocess\n"
        "find = ['find', '/', '-xdev', '!', '-type', 'l', '!', '-type', 's', '-writable']\n"
        "print(subprocess.run(find, stdout=-1, stderr=-3, text=True).stdout)"
    )
    found = in_notebook(kernel, code).split("\n")
    assert any(path.startswith("/home/melda") for path in found)
    outside = [path for path in found if path and not path.startswith(OWN)]
    # The token, the user's own, and what is told of the plugin folders; devices that everybody has.
    assert [path for path in outside if not path.startswith(("/run/melda-jupyter/", "/dev/"))] == [], outside


@pytest.mark.parametrize(
    "command", ["su -c id", "sudo id", "mount -t tmpfs none /mnt", "chsh -s /bin/sh root", "nsenter -t 1 -m id"]
)
def test_ways_up_that_are_closed(kernel: Kernel, command: str) -> None:
    code = (
        "import subprocess\n"
        f"done = subprocess.run({command!r}, shell=True, stdin=-3, capture_output=True, text=True)\n"
        "print(done.returncode, done.stdout)"
    )
    output = in_notebook(kernel, code)
    assert not output.startswith("0 ") and "uid=0" not in output, output


# Imported by whoever has their folder on the path: site's own two, what our programs import, what root uses.
MODULES = (
    "sitecustomize", "usercustomize", "json", "subprocess", "argparse", "resource", "ctypes", "numpy", "pip", "apt", "dbus", "gi",
    "melda", "version_check_webservice", "jupyter_core",
)  # fmt: skip
MARK = "import os\nopen('/tmp/taken-%d' % os.geteuid(), 'a').write(__file__ + '\\n')\nraise ImportError('planted')\n"
PLANT = f"""
import glob, os, sys, sysconfig
home, project = os.path.expanduser("~"), os.environ["JUPYTER_WORKDIR"]
plugins = os.environ["VIRTUAL_ENV"]
version = "python%d.%d" % sys.version_info[:2]
places = [project, home, plugins, home + "/.local/lib/" + version + "/site-packages"]
places += glob.glob(plugins + "/lib/*/site-packages")
for place in places:
    os.makedirs(place, exist_ok=True)
    for name in {MODULES!r}:
        open(place + "/" + name + ".py", "w").write({MARK!r})
    open(place + "/planted.pth", "w").write("import os; open('/tmp/taken-%d' % os.geteuid(), 'a').write('pth')\\n")
r = 'cat("R", file = sprintf("/tmp/taken-%s", system("id -u", intern = TRUE)), append = TRUE)\\n'
for place in (project, home):
    open(place + "/.Rprofile", "w").write(r)
    open(place + "/.Renviron", "w").write("R_PROFILE=" + project + "/.Rprofile\\n")
    open(place + "/pip.conf", "w").write("[global]\\nindex-url = http://127.0.0.1:1/\\n")
for name in (".bashrc", ".profile", ".bash_profile"):
    open(home + "/" + name, "w").write("echo shell >> /tmp/taken-$(id -u)\\n")
os.makedirs(home + "/.jupyter", exist_ok=True)
for name in ("jupyter_server_config.py", "jupyter_notebook_config.py", "jupyter_config.py"):
    open(home + "/.jupyter/" + name, "w").write("import os; open('/tmp/taken-%d' % os.geteuid(), 'a').write('configuration')\\n")
"""


def test_what_the_user_plants_root_does_not_run(docker: str, service: Service, kernel: Kernel, key: Path) -> None:
    """In the project, in home, among the plugins: modules, profiles, configurations. Root does all that root does here."""
    in_notebook(kernel, PLANT)
    service.run("cd /; python3 -c 'import json' ", user="melda")
    service.run("bash -lc 'cd ~/project; python3 -c \"import json\"; Rscript -e 1' 2>&1", user="melda", check=False)
    assert service.run("cat /tmp/taken-1001"), "the traps work"
    for command in ("get-versions", "healthcheck", "set-paths"):
        service.run(command, check=False)
    for command in (
        "python3 -c 'import json, subprocess'",
        "Rscript -e 'library(stats)'",
        "jupyter --version",
        "pip --version; python3 -m pip --version",
        "get-versions --output /root/versions.json",
    ):
        login(service, key, "root", command)
    service.run(  # the bus starts bspm's service, where bspm is installed
        "busctl call org.r_project.linux1 /org/r_project/linux1/PackageManager org.r_project.linux1.PackageManager"
        " install ias $$ 1 nothing 2>&1", user="melda", check=False,
    )  # fmt: skip
    done = provision(docker, f"@docker/{service.name}", packages="none")
    assert done.code == 0, done.output
    subprocess.run([docker, "restart", service.name], check=True, stdout=subprocess.DEVNULL)
    service.ready(times=2)
    assert service.run("cat /tmp/taken-0 2>/dev/null", check=False) == ""


LINKS = [
    ("~/versions.json", "/etc/passwd", "get-versions"),
    ("~/.pip", "/etc/ssh", "set-paths"),
    ("~/own", "/etc/shadow", ""),
    ("~/project/.melda-jupyter", "/etc", ""),
    ("~/project/Python-9.9.9", "/etc", "set-paths"),
]


def test_links_lead_root_nowhere(docker: str, service: Service) -> None:
    before = service.run("ls -lnR --time-style=full-iso /etc; sha256sum /etc/passwd /etc/shadow")
    for link, target, _ in LINKS:
        # Again, as the sync daemon may be writing there.
        service.run(f"until rm -rf {link} && ln -sT {target} {link}; do :; done", user="melda")
    output = service.run("ln /etc/passwd ~/hard 2>&1", user="melda", check=False)
    for _, _, command in LINKS:
        service.run(f"{command or 'true'} 2>&1", check=False)
    service.run("rm ~/.pip", user="melda")  # with it the container does not start: it cannot write there as the user
    times = service.logs().count("ready: ") + 1
    subprocess.run([docker, "restart", service.name], check=True, stdout=subprocess.DEVNULL)
    service.ready(times=times)
    after = service.run("ls -lnR --time-style=full-iso /etc; sha256sum /etc/passwd /etc/shadow")
    changed = sorted(set(before.splitlines()) ^ set(after.splitlines()))
    # Docker writes these at each start.
    changed = [line for line in changed if not line.endswith((" hosts", " resolv.conf", " hostname", " ."))]
    assert changed == [], output
