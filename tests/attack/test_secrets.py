"""What must not leave: addresses with passwords, the token, the bucket's keys."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.container.machines import Machine, until
from tests.container.services import BUCKET, MOUNT, Service, bucket_variables, variables
from tests.fakes.s3 import Server
from tests.fakes.serve import gateway

from .tools import plugins, python, status

Run = Callable[..., Service]

# Each holds a password of its own: CANARY and a number. What else stands there is no secret.
ADDRESSES = (
    "https://user:{}@host.example/a.tar.gz", "https://{}@host.example/a", "HTTPS://u:{}@host.example",
    "https://host.example/a?token={}", "https://host.example/a?X-Amz-Signature={}&b=1#egg=a",
    "ssh://git:{}@host.example/a.git", "git+https://u:{}@host.example/a.git@main", "git+ssh://git:{}@host.example/a",
    "ftp://u:{}@host.example/a", "https://u%40x:{}@host.example", "https://u:p@ss{}@host.example/",
    "//u:{}@host.example/a", "https://host.example/a;b?x={}", "svn+https://u:{}@host.example/a",
    "see <https://u:{}@host.example/> there",
)  # fmt: skip
R_FIELDS = (
    "RemoteUrl", "RemoteHost", "RemoteRepo", "RemoteUsername", "RemoteRef", "RemoteSubdir", "RemoteRepos",
    "RemotePkgRef", "URL", "Repository", "BugReports", "RemoteType", "RemoteSha", "GithubRepo", "GithubRef",
    "biocViews", "git_url", "git_branch", "Imports", "Remotes", "Version",
)  # fmt: skip
PLANT = """
import json, os, sys
site, library, addresses, fields = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
count = 0
def canary(address):
    global count
    count += 1
    return address.replace("{}", "CANARY%dX" % count)
def python(name, **files):
    info = site + "/" + name + "-1.0.dist-info"
    os.makedirs(info)
    files.setdefault("METADATA", "Metadata-Version: 2.1\\nName: %s\\nVersion: 1.0\\n" % name)
    files.setdefault("RECORD", "%s-1.0.dist-info/METADATA,,\\n" % name)
    files.setdefault("INSTALLER", "pip\\n")
    for file, text in files.items():
        open(info + "/" + file.replace("_json", ".json"), "w").write(text)
def r(name, field, value):
    os.makedirs(library + "/" + name + "/Meta")
    open(library + "/" + name + "/Meta/package.rds", "w").write("")
    said = {"Package": name, "Version": "1.0", "Built": "R 4.0.0; ; 2020-01-01; unix", field: value}
    open(library + "/" + name + "/DESCRIPTION", "w").write("".join("%s: %s\\n" % pair for pair in said.items()))
python("sound")
r("sound", "License", "MIT")
for number, address in enumerate(addresses):
    vcs = {"vcs": "git", "commit_id": "a" * 40, "requested_revision": canary(address)}
    python("one%d" % number, direct_url_json=json.dumps({"url": canary(address), "vcs_info": vcs}))
    python("two%d" % number, direct_url_json=json.dumps({"url": canary(address), "archive_info": {"hash": "sha256=" + "a" * 64}}))
    python("three%d" % number, METADATA="Metadata-Version: 2.1\\nName: three%d\\nVersion: 1.0\\nHome-page: %s\\n"
        "Download-URL: %s\\nProject-URL: Source, %s\\nRequires-Dist: other @ %s\\n\\n%s\\n"
        % (number, *(canary(address) for _ in range(5))))
    python("four%d" % number, INSTALLER=canary(address), RECORD=canary(address) + ",,\\n", REQUESTED=canary(address))
    r("rone%d" % number, "RemoteUrl", canary(address))
for field in fields:
    for number, address in enumerate(addresses[:7]):
        r("r%s%d" % (field.lower().replace("_", ""), number), field, canary(address))
print(count)
"""


def leaked(text: str) -> list[str]:
    """The lines in which a password stands."""
    return sorted({line.strip()[:200] for line in text.splitlines() if "CANARY" in line})


def bodies(s3: Server, prefix: str) -> dict[str, bytes]:
    """Key -> content of what is in the bucket."""
    client, found = s3.client(), {}
    for one in client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", []):
        with contextlib.suppress(client.exceptions.NoSuchKey):  # renamed meanwhile
            found[one["Key"]] = client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
    return found


def test_captures(mounted: Run, module_s3: Server) -> None:
    """Packages of Python and R whose addresses hold passwords and tokens, in each field that an installer may write.
    Proves: captures, /environment and the bucket hold none of them, and other packages are captured."""
    service = mounted("captures").ready()
    own = plugins(service)
    count = int(python(service, PLANT, own.site, own.r, json.dumps(ADDRESSES), json.dumps(R_FIELDS)))
    assert count > 200
    answer = requests.get(
        f"http://{service.address}:2310/environment", headers={"Authorization": f"token {service.token}"}, timeout=60
    )
    assert answer.status_code == 200, answer.text[-500:]
    key = "users/captures/.melda-jupyter/environment.json"

    def kept() -> str:
        return bodies(module_s3, "users/captures/").get(key, b"").decode()

    until(lambda: '"sound"' in kept(), "it is captured for forks", 60)
    output = service.run("melda-env capture --no-files /tmp/capture.json 2>&1; cat /tmp/capture.json", user="melda")
    for text in (answer.text, output):
        assert text.count('"sound"') >= 2, "of Python and of R"
    assert leaked(answer.text) + leaked(output) + leaked(kept()) == []
    for form in ("requirements", "renv", "conda"):
        assert (
            leaked(service.run(f"melda-env capture --format {form} /tmp/{form} 2>&1; cat /tmp/{form}", user="melda"))
            == []
        )


@pytest.fixture(scope="module")
def working(mounted: Run) -> Service:
    """A container with keys, in which somebody works."""
    service = mounted("works", S3FS_DEBUG="0").ready()
    assert service.notebook.run("python3", "open('seen.txt', 'w').write('1')").status == "ok"
    service.run("get-versions; healthcheck")
    return service


def test_environment_of_others(working: Service, stranger: Machine) -> None:
    """A neighbour asks the version service for /environment: without a token, with a wrong one, with the right one.
    Proves: it is for those who may use the notebook; /versions and /healthz stay everybody's."""
    base = f"http://{working.address}:2310"
    wrong = [
        status(stranger, f"{base}/environment"),
        status(stranger, f"{base}/environment?token=wrong"),
        status(stranger, f"{base}/environment?token="),
        status(stranger, f"{base}/environment", "Authorization: token wrong"),
        status(stranger, f"{base}/environment", "Authorization: token "),
        status(
            stranger,
            f"{base}/environment",
            "X-Forwarded-For: 127.0.0.1",
            "X-Real-IP: 127.0.0.1",
            "Host: 127.0.0.1:2310",
        ),
        status(stranger, f"{base}//environment"),
        status(stranger, f"{base}/environment/"),
        status(stranger, f"{base}/%65nvironment"),
    ]
    assert [code for code in wrong if code not in ("401", "403", "404")] == [], wrong
    assert status(stranger, f"{base}/environment", f"Authorization: token {working.token}") == "200"
    assert status(working, "http://127.0.0.1:2310/environment") == "200", "and from inside"
    assert [status(stranger, f"{base}/{path}") for path in ("versions", "healthz")] == ["200", "200"]


def test_token_in_log(run: Run) -> None:
    """Requests that fail, with the token in their address, spelled in several ways, or in the page they come from.
    Proves: the token is in no line of the log."""
    service = run(JUPYTER_TOKEN="melda-secret-token-0123456789").ready()
    token, spelled = service.token, "melda%2Dsecret-token-0123456789"
    jupyter, versions = (f"http://{service.address}:{port}" for port in (8888, 2310))
    for base in (jupyter, versions):
        for query in (
            f"token={token}",
            f"%74oken={token}",
            f"a=b&token={spelled}",
            f"x;token={token}",
            f"Token={token}",
        ):
            for path in (
                "/api/contents/nope",
                "/nope",
                "/api/kernels/no/channels",
                "/environment",
                "/tree",
                "/static/nope.js",
            ):
                requests.get(f"{base}{path}?{query}", timeout=30)
        requests.get(f"{base}/nope", headers={"Referer": f"{jupyter}/tree?token={token}"}, timeout=30)
        requests.get(
            f"{base}/nope/{token}", headers={"Authorization": f"token {token}x", "User-Agent": token}, timeout=30
        )
        requests.post(f"{base}/login?next=/tree%3Ftoken%3D{token}", data={"password": token}, timeout=30)
        requests.request("BREW", f"{base}/?token={token}", timeout=30)
    service.run("get-versions --output -; healthcheck")
    service.stop()
    found = [line for line in service.logs().splitlines() if "secret" in line and "0123456789" in line]
    assert found == [], found[:5]


def given(service: Service) -> dict[str, str]:
    """The secrets that it was given."""
    lines = json.loads(service.inspect("{{json .Config.Env}}"))
    pairs = dict(line.split("=", 1) for line in lines)
    return {name: pairs[name] for name in ("AWS_SECRET_ACCESS_KEY", "JUPYTER_TOKEN")}


PROCESSES = """
import glob, sys
for path in glob.glob("/proc/[0-9]*/*"):
    if path.rsplit("/", 1)[1] in ("cmdline", "environ", "comm"):
        try:
            found = open(path, "rb").read().decode("utf-8", "replace")
        except OSError:
            continue
        for needle in sys.argv[2:]:
            if needle in found and path.split("/")[2] not in ("1", str(__import__("os").getpid())):
                print(path, found.split("\\0")[0])
"""


def test_processes(working: Service) -> None:
    """A cell reads the command line and the variables of every process that it may.
    Proves: keys and token are in none."""
    # Backwards, and so not themselves in the kernel's history.
    code = PROCESSES.replace(
        "sys.argv[2:]", f"[word[::-1] for word in {[value[::-1] for value in given(working).values()]}]"
    )
    done = working.notebook.run("python3", code)
    assert (done.status, done.stdout) == ("ok", ""), done
    listed = working.run("ps -eo args", user="melda")
    assert [name for name, value in given(working).items() if value in listed] == []


def test_files(working: Service, module_s3: Server) -> None:
    """Every file that the container wrote is searched, and everything in the bucket.
    Proves: the keys are nowhere, and the token is where the user alone reads it."""
    secret, token = given(working).values()
    newer = "find / -xdev -newer /proc/1/cmdline -type f -print0 2>/dev/null | xargs -0 -r grep -lF -e"
    assert working.run(f"{newer} '{secret}' /run/melda-jupyter/* 2>/dev/null; true", check=False).split() == []
    with_token = working.run(f"{newer} '{token}' 2>/dev/null; true", check=False).split()
    with_token += working.run(f"grep -rlF '{token}' /run /tmp 2>/dev/null; true", check=False).split()
    modes = {working.run(f"stat -c '%U %a' '{path}'").strip() for path in with_token}
    assert with_token and modes <= {"melda 400", "melda 600"}, with_token
    kept = bodies(module_s3, "users/works/")
    assert any(key.endswith("seen.txt") for key in kept)
    assert [key for key, body in kept.items() if secret.encode() in body or token.encode() in body] == []


def test_layers(docker: str, image: str, stranger: Machine) -> None:
    """The image's history, its settings and its file system are searched for keys and passwords.
    Proves: a secret is in no layer."""
    output = "".join(
        subprocess.run([docker, *command, image], capture_output=True, text=True, check=True).stdout
        for command in (["history", "--no-trunc"], ["inspect"])
    )
    assert (
        re.findall(r"AKIA[A-Z0-9]{12,}|(?:SECRET|TOKEN|PASSWORD)[A-Z_]*=[^\s\"]+|://[^/\s@\"]+:[^/\s@\"]+@", output)
        == []
    )
    look = "find /etc /root /home /run /srv /usr/src /var /opt/jupyter/etc /opt/jupyter/share/jupyter -xdev -type f"
    keys = stranger.run(
        f"{look} -print0 | xargs -0 grep -lE 'BEGIN [A-Z ]*PRIVATE KEY|AKIA[A-Z0-9]{{16}}' || true"
    ).split()
    names = stranger.run(
        f"{look} -name 'ssh_host_*_key' -o -name .netrc -size +0 -o -name credentials -o -name .pypirc"
    ).split()
    assert keys + names == []


def test_docker_exec(module_s3: Server, tmp_path: Path, run: Run) -> None:
    """Somebody opens a shell with `docker exec --user melda`, which Docker gives the container's variables.
    Proves: keys and token can come as files instead, that the user cannot read, and are in no variable."""
    keys = module_s3.credentials("melda-test-files", BUCKET)
    (tmp_path / "credentials").write_text(
        f"[default]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
    )
    (tmp_path / "token").write_text("a-token-in-a-file\n")
    for path in tmp_path.iterdir():
        path.chmod(0o400)
    named = bucket_variables(module_s3, BUCKET, keys, "users/files")
    named = {name: value for name, value in named.items() if name not in keys.environment}
    named |= {"AWS_SHARED_CREDENTIALS_FILE": "/run/secrets/credentials", "JUPYTER_TOKEN_FILE": "/run/secrets/token"}
    volume = ("--volume", f"{tmp_path}:/run/secrets:ro")
    service = run(*MOUNT, *volume, *variables(**named), JUPYTER_TOKEN="").ready()
    assert "fuse" in service.run("stat -f -c %T /home/melda/project")
    answers = [
        requests.get(f"http://{service.address}:8888/api/kernels", headers=headers, timeout=30).status_code
        for headers in ({}, {"Authorization": "token a-token-in-a-file"})
    ]
    assert answers == [403, 200]
    for user in ("melda", "root"):
        shell = service.run("env; cat /run/secrets/* 2>/dev/null || true", user=user)
        assert [
            word for word in (keys.secret_access_key, "a-token-in-a-file") if word in shell and user == "melda"
        ] == []
    assert keys.secret_access_key not in service.run(
        "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; true", user="melda"
    )


def test_peers_read_environment(run: Run, docker: str) -> None:
    """Somebody at an allowed address asks for /environment where there is no token.
    Proves: who may use the notebook may read it."""
    service = run("--cap-add", "NET_ADMIN", PGEO_IPS=gateway(docker=docker), JUPYTER_TOKEN="").ready()
    assert requests.get(f"http://{service.address}:2310/environment", timeout=30).status_code == 200
