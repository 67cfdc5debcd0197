"""What somebody wrote into the bucket, or into a file that is given to others."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.container.machines import Machine, until
from tests.container.projects import Held
from tests.container.services import BUCKET, Service
from tests.fakes.s3 import Server

from .tools import background, plugins, python, status

Run = Callable[..., Service]
NOBODY = "0123456789abcdef"
STUCK = ("restoring", "")


def manifest(**different: str) -> str:
    """The text of a manifest, of which fields (as JSON) are replaced."""
    fields = {
        "schema": "1",
        "parents": "[]",
        "number": "1",
        "created": "1.0",
        "parts": "{}",
        "entries": "{}",
    } | different
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"


def part(size: str = "1", entries: str = "1") -> str:
    return f'{{"{NOBODY}": {{"sha256": "{"0" * 64}", "size": {size}, "entries": {entries}}}}}'


DIGITS = "9" * 4300
MANIFESTS = {
    "number": manifest(number=DIGITS),
    "negative number": manifest(number="-" + DIGITS),
    "more digits": manifest(number="9" * 1_000_000),
    "NaN": manifest(created="NaN"),
    "Infinity": manifest(created="-Infinity", number="5"),
    "1e999": manifest(created="1e999"),
    "created digits": manifest(created=DIGITS),
    "size": manifest(parts=part(size=DIGITS), entries=f'{{"x": ["{NOBODY}", 1]}}'),
    "count": manifest(parts=part(entries=DIGITS), entries=f'{{"x": ["{NOBODY}", 1]}}'),
    "held": manifest(parts=part(), entries=f'{{"x": ["{NOBODY}", {DIGITS}]}}'),
    "true": manifest(number="true", created="true"),
    "nested": "[" * 100_000,
    "nested parents": manifest(parents="[" * 50_000 + "]" * 50_000),
    "parents": manifest(parents=json.dumps([f"{number:016x}" for number in range(200_000)])),
    "entries": manifest(entries=json.dumps({f"x{number}": [NOBODY, 1] for number in range(200_000)})),
    "path": manifest(parts=part(), entries=f'{{"{"a/" * 100_000}b": ["{NOBODY}", 1]}}'),
    "surrogate": manifest(parts=part(), entries=f'{{"\\ud800": ["{NOBODY}", 1]}}'),
    "up": manifest(parts=part(), entries=f'{{"../../up": ["{NOBODY}", 1]}}'),
}


def put(s3: Server, folder: str, name: str, content: bytes) -> None:
    s3.client().put_object(Bucket=BUCKET, Key=f"users/{folder}/.melda-jupyter/{name}", Body=content)


def poison(s3: Server, folder: str, own: str, archive: bytes, entries: list[str], number: int = 7) -> None:
    """Write a generation that says it is what the project needs."""
    one = secrets.token_hex(8)
    parts = {one: {"sha256": hashlib.sha256(archive).hexdigest(), "size": len(archive), "entries": len(entries)}}
    of = {entry: [one, number] for entry in entries}
    text = {"schema": 1, "parents": [], "number": number, "created": 1e9, "parts": parts, "entries": of}
    put(s3, folder, f"{own}/{one}.tar.zst", archive)
    put(s3, folder, f"{own}/{secrets.token_hex(8)}.json", json.dumps(text).encode())


def in_image(machine: Machine, command: str) -> bytes:
    """Run a command in a machine; the bytes that it prints."""
    return base64.b64decode(machine.run(f"{{ {command}; }} 2>/dev/null | base64 -w 0"))


@pytest.fixture(scope="module")
def names(stranger: Machine) -> tuple[str, str]:
    """Python-X.Y.Z of this image, and where packages lie in it."""
    version = stranger.run("/opt/jupyter/bin/python -c 'import sys; print(*sys.version_info[:3])'").split()
    return f"Python-{'.'.join(version)}", f"lib/python{'.'.join(version[:2])}/site-packages"


def settled(service: Service, seconds: float = 60) -> Service:
    """Wait until its packages are there, as far as they can be had."""
    until(lambda: service.health()["plugins"] not in STUCK, f"it is restored; {service.logs()[-1500:]}", seconds)
    return service


def saves(service: Service) -> None:
    """See that what is installed from now on is saved, and that the daemon was started once."""
    name = "later" + secrets.token_hex(3)
    service.run(
        f"mkdir {plugins(service).site}/{name}; echo V=1 >{plugins(service).site}/{name}/__init__.py", user="melda"
    )
    until(lambda: name in service.logs(), f"it is saved; {service.logs()[-1500:]}", 60)
    assert not re.search(r"plugin\S* \S+ (ended|was killed)", service.logs()), service.logs()[-1500:]


def test_manifests(alone: Run, module_s3: Server, names: tuple[str, str]) -> None:
    """Manifests with numbers of 4,300 and a million digits, NaN, 100,000 brackets, paths without an end.
    Proves: they are ignored, and what is installed is saved."""
    for number, text in enumerate(MANIFESTS.values()):
        put(module_s3, "manifests", f"{names[0]}/{number:016x}.json", text.encode("utf-8", "surrogatepass"))
    put(module_s3, "manifests", f"{names[0]}/{'f' * 16}.json", b"\xff\xfe" * 1000)
    saves(settled(alone("manifests").ready()))


def test_one_manifest(alone: Run, module_s3: Server, names: tuple[str, str]) -> None:
    """One such manifest alone, which is the newest there is.
    Proves: it is ignored, and what is installed is saved."""
    # The other fields go the same way: tests/unit/melda/sync/test_generations.py has each number in each of them.
    put(module_s3, "one-manifest", f"{names[0]}/{NOBODY}.json", MANIFESTS["number"].encode())
    saves(settled(alone("one-manifest").ready()))


def test_bomb(alone: Run, module_s3: Server, stranger: Machine, names: tuple[str, str]) -> None:
    """An archive of some KB that unpacks to 3 GB.
    Proves: unpacking stops at a limit, nothing of it stays, and what is installed is saved."""
    own, site = names
    stranger.run(f"cd /tmp && mkdir -p {site}/bomb && truncate -s 3G {site}/bomb/zeros")
    archive = in_image(stranger, f"cd /tmp && tar --create --format=gnu ./{site}/bomb | zstd -q -3 -c")
    stranger.run(f"rm -r /tmp/{site.split('/')[0]}")
    assert len(archive) < 1_000_000
    poison(module_s3, "bomb", own, archive, [f"{site}/bomb"])
    service = alone("bomb")
    largest = 0

    def over() -> bool:
        nonlocal largest
        output = service.run(
            "du -sm /var/lib/melda-jupyter /home /tmp --exclude project 2>/dev/null | cut -f1", check=False
        )
        largest = max(largest, sum(int(word) for word in output.split() if word.isdigit()))
        return "ready: " in service.logs() and service.health()["plugins"] not in STUCK

    until(over, "it is over", 120)
    assert largest < 2500, f"{largest} MB were unpacked"
    saves(service)
    assert "bomb" not in service.run(f"ls {plugins(service).site}")


def test_odd_members(alone: Run, module_s3: Server, stranger: Machine, names: tuple[str, str]) -> None:
    """An archive that holds FIFOs in the place of RECORD and of a module, links out of the folder, and paths with `..`.
    Proves: the start goes on, Python starts at once, nothing is written outside, and what is installed is saved."""
    own, site = names
    stranger.run(
        f"mkdir -p /tmp/odd/{site}/odd-1.0.dist-info /tmp/odd/{site}/pipes && cd /tmp/odd && "
        f"mkfifo {site}/odd-1.0.dist-info/RECORD {site}/odd-1.0.dist-info/METADATA {site}/pipes/__init__.py {site}/fifo.pth && "
        f"ln -s /tmp {site}/out && ln -s / bin && echo x >/tmp/escaped-file"
    )
    names_of = f"./{site}/odd-1.0.dist-info ./{site}/pipes ./{site}/fifo.pth ./{site}/out ./bin"
    rename = "-P --transform 's,^/tmp/escaped,../../../../../tmp/escaped,'"
    pack = f"tar --create --format=gnu {rename} {names_of} /tmp/escaped-file"
    archive = in_image(stranger, f"cd /tmp/odd && {pack} | zstd -q -c")
    stranger.run("rm -r /tmp/odd /tmp/escaped-file")
    poison(
        module_s3,
        "members",
        own,
        archive,
        [f"{site}/{name}" for name in ("odd-1.0.dist-info", "pipes", "fifo.pth", "out")] + ["bin"],
    )
    service = settled(alone("members").ready())
    assert service.run("timeout 20 su - melda -c 'python -c \"print(6 * 7)\"'") == "42\n"
    assert service.run("ls /tmp/escaped* 2>/dev/null || true") == ""
    for path in ("versions", "healthz"):
        assert status(service, f"http://127.0.0.1:2310/{path}", seconds=20) == "200"
    saves(service)


CAPTURE = {"schema": 1}


def test_fork_of_many(alone: Run, module_s3: Server) -> None:
    """FORK_OF a project that keeps 90 small files, while S3 takes its time to copy them.
    Proves: a fork is copied in the background, the start does not wait for it."""
    put(module_s3, "parent", "environment.json", json.dumps(CAPTURE).encode())
    for number in range(90):
        put(module_s3, "parent", f"environment.json.files/{number}/kept-{number}.whl", b"x")
    with Held(module_s3, "PUT", r"\.melda-jupyter/fork/.*\.files/"):
        service = alone("fork", FORK_OF="users/parent")
        until(lambda: "ready: " in service.logs() or not service.running, f"it is ready; {service.logs()[-1500:]}", 50)
        assert service.running, service.logs()[-1500:]


def test_fork_keys(alone: Run, module_s3: Server) -> None:
    """FORK_OF a project with keys in which `.`, `..` and empty parts stand.
    Proves: none of them is copied, and nothing is written beside the fork's own folder."""
    put(module_s3, "evil", "environment.json", json.dumps(CAPTURE).encode())
    odd = (
        "../../../../planted",
        "a/../../../planted",
        "./planted",
        "a//planted",
        "..",
        "a/..",
        "a/../b",
        "a\\..\\..\\planted",
        "a/.",
    )
    for name in odd:
        module_s3.client().put_object(
            Bucket=BUCKET, Key=f"users/evil/.melda-jupyter/environment.json.files/{name}", Body=b"x"
        )
    before = {one["Key"] for one in module_s3.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])}
    service = alone("victim", FORK_OF="users/evil").ready()
    until(lambda: service.health().get("fork", "waiting") != "waiting", "the fork is looked at")
    after = {one["Key"] for one in module_s3.client().list_objects_v2(Bucket=BUCKET).get("Contents", [])}
    new = sorted(key for key in after - before if {"..", ".", ""} & set(key.rstrip("/").split("/")))
    # The fork of another test may still be copying.
    others = [key for key in after - before if not key.startswith(("users/victim/", "users/fork/"))]
    assert new == [] and others == [] and not [key for key in after - before if "planted" in key]


ADDRESSES = (
    "https://%31%32%37.0.0.1/x-1.0-py3-none-any.whl", "https://127.0.0.1/x-1.0-py3-none-any.whl", "https://127.1/x-1.0-py3-none-any.whl",
    "https://2130706433/x-1.0-py3-none-any.whl", "https://0x7f000001/x-1.0-py3-none-any.whl", "https://0177.0.0.1/x-1.0-py3-none-any.whl",
    "https://localhost./x-1.0-py3-none-any.whl", "https://LOCALHOST/x-1.0-py3-none-any.whl", "https://[::1]/x-1.0-py3-none-any.whl",
    "https://[::ffff:127.0.0.1]/x-1.0-py3-none-any.whl", "https://0.0.0.0/x-1.0-py3-none-any.whl", "https://[::]/x-1.0-py3-none-any.whl",
    "https://here.evil.example/x-1.0-py3-none-any.whl", "https://\uff11\uff12\uff17.0.0.1/x-1.0-py3-none-any.whl",
    "https://user@127.0.0.1/x-1.0-py3-none-any.whl", "https://127.0.0.1:443/x-1.0-py3-none-any.whl",
)  # fmt: skip
LISTEN = """
import socket, threading
def take(family, address):
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((address, 443))
    listener.listen(100)
    while True:
        connection, _ = listener.accept()
        open("/tmp/connected", "a").write(repr(connection.recv(300)) + "\\n")
        connection.close()
threading.Thread(target=take, args=(socket.AF_INET, "0.0.0.0")).start()
try:
    take(socket.AF_INET6, "::")
except OSError:
    pass
"""


@pytest.fixture(scope="module")
def sources(stranger: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index for pip with nothing but the uv that this image's melda-env wants."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "uv.txt").write_text(stranger.run("cat /usr/src/melda-jupyter/uv.txt"))
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), "--require-hashes"]
    subprocess.run([*pip, "-r", str(folder / "uv.txt")], check=True)
    (folder / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /sources\n")
    folder.chmod(0o755)
    return folder


def test_addresses(run: Run, sources: Path) -> None:
    """Files for `melda-env restore` whose addresses mean this container, in sixteen spellings and by a name.
    Proves: an address is checked after it is resolved, for the connection that is made."""
    volumes = ("--volume", f"{sources}:/sources:ro", "--volume", f"{sources}/pip.conf:/etc/pip.conf:ro")
    service = run("--add-host", "here.evil.example:127.0.0.1", *volumes).ready()
    background(service, LISTEN, user="root")
    until(
        lambda: (
            status(service, "http://127.0.0.1:443/", seconds=2) == "000" and "G" in service.run("cat /tmp/connected")
        ),
        "it listens",
    )
    service.run("rm -f /tmp/connected")
    wanted = "".join(
        f"x{number} @ {address.replace('x-1.0', f'x{number}-1.0')}\n" for number, address in enumerate(ADDRESSES)
    )
    python(service, f"open('/tmp/requirements.txt', 'w', encoding='utf-8').write({wanted!r})")
    said = service.run("timeout 120 melda-env restore /tmp/requirements.txt 2>&1", user="melda", check=False)
    assert service.run("cat /tmp/connected 2>/dev/null || true") == ""
    assert [number for number in range(len(ADDRESSES)) if not re.search(rf"\bx{number}\b", said)] == [], said
