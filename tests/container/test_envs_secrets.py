"""What a package's metadata holds of secrets stays there: no capture, no bucket, no fork has it; odd files hold nobody up."""

# ruff: noqa: F811 pytest finds the fixtures that are imported here by their names
from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.s3 import Server

from .machines import until
from .services import BUCKET, Service
from .test_fork import Start, s3, start

__all__ = ["s3", "start"]
FOLDER = "users/eve"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SECRET = "S3cr3t"
DIRECT = {
    "byquery": {"url": f"https://files.example/byquery-1.0-py3-none-any.whl?token={SECRET}", "archive_info": {}},
    "byssh": {"url": f"ssh://git:{SECRET}@git.example/x", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
    "byuser": {"url": f"https://ada:{SECRET}@files.example/byuser-1.0.tar.gz", "archive_info": {}},
}
REMOTES = {
    "byurl": {"RemoteType": "url", "RemoteUrl": f"https://ada:{SECRET}@files.example/byurl.tar.gz"},
    "byhost": {"RemoteType": "github", "RemoteHost": f"ada:{SECRET}@api.github.com", "RemoteUsername": "a", "RemoteRepo": "b",
               "RemoteSha": COMMIT},
    "bygit": {"RemoteType": "xgit", "RemoteUrl": f"https://{SECRET}@git.example/x", "RemoteSha": COMMIT},
    "bynothing": {"RemoteUrl": f"https://ada:{SECRET}@files.example/x"},
}  # fmt: skip
LOST = {*DIRECT, *REMOTES}
ASK = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:2310/{0}', timeout=20).read().decode())"
PLANT = """
import glob, json, os, sys
for name, direct in json.loads(sys.argv[1]).items():
    info = glob.glob('project/Python-*/lib/python3*/site-packages')[0] + f'/{name}-1.0.dist-info'
    os.mkdir(info)
    open(info + '/METADATA', 'w').write(f'Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n')
    open(info + '/direct_url.json', 'w').write(json.dumps(direct))
    open(info + '/RECORD', 'w').write('')
for name, fields in json.loads(sys.argv[2]).items():
    package = glob.glob('project/R-*')[0] + '/' + name
    os.mkdir(package)
    fields = {'Package': name, 'Version': '1.0', 'Built': 'R 4.2.2; ; 2026-01-01 00:00:00 UTC; unix', **fields}
    open(package + '/DESCRIPTION', 'w').write(''.join(f'{key}: {value}\\n' for key, value in fields.items()))
"""


def as_user(service: Service, program: str, *arguments: str) -> str:
    """A Python program of the user's, in the home."""
    service.run(f"cat >/tmp/program.py <<'EOF'\n{program}\nEOF")
    given = " ".join("'" + one.replace("'", "'\\''") + "'" for one in arguments)
    service.run(f"cat >/tmp/command <<'EOF'\ncd && python3 -I /tmp/program.py {given}\nEOF")
    return service.run("su - melda -c '. /tmp/command'")


def asked(service: Service, path: str) -> str:
    return service.run(f'python3 -c "{ASK.format(path)}"')


def in_bucket(s3: Server, prefix: str = "", ending: str = "environment.json") -> dict[str, str]:
    """Captures in the bucket, by key."""
    found = s3.client().list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    keys = [item["Key"] for item in found if item["Key"].endswith(ending)]
    return {key: s3.client().get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in keys}


@pytest.fixture(scope="module")
def parent(start: Start, s3: Server) -> Service:
    """A container whose user has what can be had again, and packages whose addresses were secrets."""
    one = start(FOLDER).ready()
    as_user(one, PLANT, json.dumps(DIRECT), json.dumps(REMOTES))
    one.run("su - melda -c 'pip install -q zebra==1.0'")
    until(
        lambda: all(name in "".join(in_bucket(s3, FOLDER).values()) for name in ("zebra", *LOST)),
        "it is written down",
        60,
    )
    return one


def packages(text: str) -> dict[str, Any]:
    found = json.loads(text)
    return {entry["name"]: entry for kind in ("python", "r") for entry in found[kind]["packages"]}


def test_no_capture_has_a_secret(parent: Service, s3: Server) -> None:
    texts = [asked(parent, "environment"), asked(parent, "versions"), *in_bucket(s3).values()]
    texts += [
        parent.run(f"su - melda -c 'melda-env capture - --format {one}'")
        for one in ("json", "requirements", "renv", "conda")
    ]
    assert [text for text in texts if SECRET in text or "@files" in text] == []
    found = packages(asked(parent, "environment"))
    assert {"zebra", *LOST} <= set(found)
    assert found["byquery"]["source"]["dropped"] == ["query"] and found["byuser"]["source"]["dropped"] == ["user info"]
    assert SECRET not in parent.logs()


@pytest.fixture(scope="module")
def other(start: Start) -> Service:
    """Another user's container, without any package of the user's."""
    return start("users/zoe").ready()


def restored(service: Service, name: str, text: str) -> str:
    """What ``melda-env restore`` says of a file, and its exit code."""
    service.run(f"cat >/tmp/{name} <<'EOF'\n{text}\nEOF\nchmod 644 /tmp/{name}")
    return service.run(f"su - melda -c 'melda-env restore /tmp/{name} 2>&1; echo =$?'").rstrip()


def test_what_cannot_be_had_is_listed_and_the_rest_is_installed(other: Service, parent: Service, s3: Server) -> None:
    (key,) = [key for key in in_bucket(s3, FOLDER) if "/.melda-jupyter/" in key]
    output = restored(other, "e.json", in_bucket(s3, FOLDER)[key])
    assert output.endswith("=1"), output
    assert [name for name in LOST if f" {name} 1.0: " not in output] == [], output
    assert other.run("su - melda -c \"python -c 'import zebra; print(zebra.V)'\"") == "1.0\n"


def test_a_fork_has_none_either_even_where_its_parents_capture_is_an_old_one(
    start: Start, parent: Service, s3: Server
) -> None:
    old = {
        "schema": 1, "system": {"distribution": "debian", "release": "12"}, "r": {"version": "", "packages": []},
        "python": {"version": "", "packages": [
            {"name": "byuser", "version": "1.0", "source": {"type": "url", "url": DIRECT["byuser"]["url"]}},
            {"name": "zebra", "version": "1.0", "source": {"type": "index"}},
        ]},
    }  # fmt: skip
    s3.client().put_object(Bucket=BUCKET, Key="users/old/environment.json", Body=json.dumps(old).encode())
    for folder, count in ((FOLDER, len(LOST)), ("users/old", 1)):
        fork = start(f"users/of-{folder[6:]}", FORK_OF=folder).ready()
        until(lambda fork=fork: "cannot be had" in fork.health().get("fork", ""), "it is over", 120)  # type: ignore[misc]
        assert f"{count} cannot be had" in fork.health()["fork"]
        assert fork.run("su - melda -c \"python -c 'import zebra; print(zebra.V)'\"") == "1.0\n"
        fork.stop()
        assert SECRET not in fork.logs()
    forks = in_bucket(s3, "users/of-")
    assert len(forks) >= 4 and [key for key, text in forks.items() if SECRET in text] == []


def test_a_file_that_hands_over_a_secret_is_never_repeated(other: Service) -> None:
    for line in (f"x @ https://u:{SECRET}@files.example/x.whl", f"x @ git+https://u:{SECRET}@files.example/x@main"):
        output = restored(other, "requirements.txt", f"yak==1.0\n{line}")
        assert SECRET not in output and output[-2:] in ("=1", "=2"), output
    assert other.run("su - melda -c \"python -c 'import yak; print(yak.V)'\"") == "1.0\n"


def test_nothing_at_this_machine_is_connected_to(other: Service) -> None:
    """By a spelling, by a name that leads there, by a redirection: a listener hears nothing."""
    other.run("echo 127.0.0.1 here.example >>/etc/hosts")
    listen = (
        "import socket\n"
        "s = socket.create_server(('127.0.0.1', 4433))\n"
        "open('/tmp/listens', 'w').close()\n"
        "while True:\n    s.accept()\n    open('/tmp/heard', 'w').close()\n"
    )
    other.run(f"cat >/tmp/listen.py <<'EOF'\n{listen}\nEOF\npython3 /tmp/listen.py >/dev/null 2>&1 &")
    until(lambda: other.run("ls /tmp/listens || true", check=False).strip() != "", "it listens")
    hosts = {"a": "%31%32%37.0.0.1", "b": "127.0.0.1", "c": "here.example", "d": "127.1"}
    lines = [f"{name} @ https://{host}:4433/{name}-1.0-py3-none-any.whl" for name, host in hosts.items()]
    output = restored(other, "here.txt", "\n".join(lines))
    assert output.endswith("=1") and "4 cannot be had:" in output, output
    assert "leads to 127.0.0.1, which is not in the web" in output
    assert other.run("ls /tmp/heard 2>/dev/null || true") == ""


def test_odd_files_hold_nobody_up(start: Start) -> None:
    """A FIFO, a device, a circle, a giant where metadata is read: all that reads it answers at once, without that package."""
    one = start("users/bob").ready()
    plant = (
        "import glob, os\n"
        "site = glob.glob('project/Python-*/lib/python3*/site-packages')[0]\n"
        "def odd(path, how):\n"
        "    if how == 'fifo': os.mkfifo(path)\n"
        "    elif how == 'device': os.symlink('/dev/zero', path)\n"
        "    elif how == 'circle': os.symlink(os.path.basename(path), path)\n"
        "    else: open(path, 'w').truncate(10 << 30)\n"
        "for how in ('fifo', 'device', 'circle', 'giant'):\n"
        "    for name in ('METADATA', 'RECORD', 'direct_url.json'):\n"
        "        info = f'{site}/{how}{len(name)}-1.0.dist-info'\n"
        "        os.mkdir(info)\n"
        "        if name != 'METADATA': open(info + '/METADATA', 'w').write(f'Name: {how}{len(name)}\\nVersion: 1.0\\n')\n"
        "        if name == 'direct_url.json': open(info + '/RECORD', 'w').write('')\n"
        "        odd(f'{info}/{name}', how)\n"
        "    package = glob.glob('project/R-*')[0] + '/' + how\n"
        "    os.mkdir(package)\n"
        "    odd(package + '/DESCRIPTION', how)\n"
    )
    as_user(one, plant)
    one.run("su - melda -c 'pip install -q zebra==1.0 --no-deps'", check=False)
    for path in ("environment", "versions"):
        assert json.loads(asked(one, path))
    found = packages(one.run("timeout 20 su - melda -c 'melda-env capture -'"))
    assert not [name for name in found if name.startswith(("fifo", "device", "circle", "giant"))]
    assert json.loads(asked(one, "versions"))["Python"]["fifo8"] == "1.0", "by the name of its folder, as before"
