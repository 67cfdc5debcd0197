"""builder/container.py: ports and variables, and what is done with a container, by a docker client that plays one."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from melda.config import firewall_policy

from builder import container
from builder.errors import BuildError

PORT = "18765"
STOP = {"STOP_SECONDS": "120"}
WORKDIR = "/srv/jo/project"


def test_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BuildError, match=rf"^PORT={port} is not free \(Address already in use\): choose another"):
            container.check_port(str(port))
    container.check_port(str(port))


def test_variables_of_the_contract_are_passed_on(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("BUCKET_NAME", "b")
    bare.setenv("HOME_OF_SOMETHING", "x")
    bare.setenv("JUPYTER_TOKEN", "mine")
    bare.setattr("os.path.exists", lambda _: True)
    assert container.environment() == {"BUCKET_NAME": "b", "JUPYTER_TOKEN": "mine", **STOP}


def test_a_file_of_credentials_is_for_a_bucket(bare: pytest.MonkeyPatch) -> None:
    """Many have the variable set for other programs."""
    bare.setattr("os.path.exists", lambda _: True)
    bare.setenv("AWS_SHARED_CREDENTIALS_FILE", "/c")
    bare.setenv("AWS_PROFILE", "p")
    assert container.environment() == STOP
    bare.setenv("BUCKET_NAME", "b")
    assert container.environment() == {
        "BUCKET_NAME": "b", "AWS_PROFILE": "p", "AWS_SHARED_CREDENTIALS_FILE": "/c", **STOP,
    }  # fmt: skip


def test_a_bucket_needs_fuse(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("BUCKET_NAME", "b")
    bare.setattr("os.path.exists", lambda path: path != "/dev/fuse")
    with pytest.raises(BuildError, match="^BUCKET_NAME=b cannot be mounted: the build host has no /dev/fuse"):
        container.environment()


def test_nobody_else_can_connect() -> None:
    for variables, inside in (({}, 8888), ({"JUPYTER_PORT": "9999"}, 9999)):
        options = container.options(variables, PORT, WORKDIR)
        published = [options[index + 1] for index, option in enumerate(options) if option == "--publish"]
        assert published == [f"127.0.0.1:{PORT}:{inside}"]


def test_the_address_of_a_container_with_another_port(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = {"PortBindings": {"9999/tcp": [{"HostPort": PORT}]}}
    running = {"Config": {"Env": ["JUPYTER_PORT=9999"]}, "HostConfig": bound}
    monkeypatch.setattr(container.client, "inspect", lambda *_: running)
    assert container.url("docker") == f"http://127.0.0.1:{PORT}/tree"


def test_values_are_no_arguments() -> None:
    secret = {"AWS_SECRET_ACCESS_KEY": "canary", "BUCKET_NAME": "b", "SSH_AUTHORIZED_KEYS": "one\ntwo"}
    options = container.options(secret, PORT, WORKDIR)
    assert "canary" not in " ".join(options)
    assert [options[index + 1] for index, option in enumerate(options) if option == "--env"] == list(secret)


def test_a_file_is_mounted_read_only_and_no_token_made(
    engine: Engine, bare: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "the token"
    file.write_text("CANARY")
    bare.setenv("JUPYTER_TOKEN_FILE", str(file))
    assert container.up(engine.client, "image", PORT) == f"http://127.0.0.1:{PORT}/tree"
    (started,) = (line for line in (engine.folder / "arguments").read_text().splitlines() if line.startswith("create "))
    assert f"--mount type=bind,source={file},target=/run/secrets/jupyter-token,readonly" in started
    assert "CANARY" not in started
    assert (engine.folder / "token").read_text() == "/run/secrets/jupyter-token\n"
    ours = {"Source": str(file), "Destination": "/run/secrets/jupyter-token"}
    for mounts, stays in (([ours], True), ([{**ours, "Source": "/other"}], False), ([], False)):
        env = ("JUPYTER_TOKEN_FILE=/run/secrets/jupyter-token", "STOP_SECONDS=120")
        engine.write("container.json", "healthy", env=env, mounts=mounts)
        assert container.serves(engine.client, "image", PORT, container.environment()) is stays


def test_a_secret_in_the_place_of_its_files_path_is_not_shown(bare: pytest.MonkeyPatch, engine: Engine) -> None:
    bare.setenv("JUPYTER_TOKEN_FILE", "S3cr3t")
    with pytest.raises(BuildError, match="^invalid JUPYTER_TOKEN_FILE: expected a file$"):
        container.up(engine.client, "image", PORT)


@pytest.mark.parametrize("name", ["missing", "folder", "a,b", 'a"b'])
def test_what_is_no_file_stops_it_before_anything(
    engine: Engine, bare: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    if name == "folder":
        (tmp_path / name).mkdir()
    elif name != "missing":
        (tmp_path / name).touch()
    bare.setenv("JUPYTER_TOKEN_FILE", str(tmp_path / name))
    with pytest.raises(BuildError, match="^invalid JUPYTER_TOKEN_FILE=.*: expected a "):
        container.up(engine.client, "image", PORT)
    assert not (engine.folder / "calls").exists()


@pytest.mark.parametrize(
    ("variables", "wanted", "unwanted"),
    [
        ({}, {"--volume"}, {"SYS_PTRACE", "SYS_ADMIN", "NET_ADMIN", "/dev/fuse"}),
        ({"BUCKET_NAME": "b"}, {"SYS_ADMIN", "/dev/fuse"}, {"SYS_PTRACE", "--volume", "NET_ADMIN"}),
        ({"EGRESS": "none"}, {"NET_ADMIN"}, {"SYS_ADMIN"}),
        ({"PGEO_IPS": "192.0.2.1"}, {"NET_ADMIN", "--volume"}, {"SYS_PTRACE", "SYS_ADMIN"}),
    ],
)
def test_no_capability_that_is_not_needed(variables: dict[str, str], wanted: set[str], unwanted: set[str]) -> None:
    options = set(container.options(variables, PORT, WORKDIR))
    assert wanted <= options
    assert not unwanted & options


class Engine:
    """A docker client that plays one container from files in a folder, and writes down what it was asked.

    ``there``: the container exists. ``run.json``: what it looks like once it was started, ``container.json``: before.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = str(folder / "docker")
        (folder / "docker").write_text(f"""#!/bin/sh
cd {folder}
echo "$1 $2" >> calls
echo "$@" >> arguments
case "$1 $2" in
"container inspect") [ -e there ] && cat container.json || exit 1 ;;
"image inspect") echo '[{{"Id": "image-1", "Config": {{"WorkingDir": "{WORKDIR}", "Env": ["TZ=UTC"]}}}}]' ;;
"volume inspect") exit 1 ;;
"create --name") [ ! -e taken ] || {{ touch there; echo "Conflict." >&2; exit 1; }}
    touch there; cp run.json container.json; echo "$JUPYTER_TOKEN$JUPYTER_TOKEN_FILE" > token; echo made ;;
"start made") sh ./failure ;;
"logs --tail") echo "first line"; echo "last line" ;;
"rm --force") rm -f there ;;
"ps --all") [ ! -e there ] || echo {container.NAME} ;;
esac
""")
        (folder / "docker").chmod(0o755)
        (folder / "failure").touch()

    def write(
        self,
        name: str,
        health: str,
        image: str = "image-1",
        env: tuple[str, ...] = (),
        running: bool = True,
        mounts: list[dict[str, str]] | None = None,
    ) -> None:
        output = {
            "Mounts": [{"Type": "volume", "Name": container.VOLUME, "Destination": WORKDIR}, *(mounts or [])],
            "Image": image,
            "State": {
                "Running": running,
                "ExitCode": 7,
                "Health": {"Status": health, "Log": [{"Output": "jupyter: dead\n"}]},
            },
            "Config": {
                "WorkingDir": WORKDIR,
                "Env": ["PATH=/bin", "TZ=UTC", *env],
            },  # the image's, and what it was given
            "HostConfig": {"PortBindings": {"8888/tcp": [{"HostPort": PORT}]}},
        }
        (self.folder / name).write_text(json.dumps([output]))

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def there(self) -> bool:
        return (self.folder / "there").exists()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = Engine(tmp_path)
    engine.write("run.json", "healthy")
    return engine


def test_a_token_is_made_each_time(engine: Engine, bare: pytest.MonkeyPatch) -> None:
    tokens = []
    for _ in range(2):
        container.up(engine.client, "image", PORT)
        container.down(engine.client)
        tokens.append((engine.folder / "token").read_text().strip())
    assert [len(token) for token in tokens] == [48, 48]
    assert tokens[0] != tokens[1]


def test_where_the_firewall_decides_there_is_no_token(engine: Engine, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("PGEO_IPS", "192.0.2.1")
    assert container.up(engine.client, "image", PORT) == f"http://127.0.0.1:{PORT}/tree"
    assert (engine.folder / "token").read_text() == "\n"


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_where_no_address_is_named_there_is_a_token_as_in_the_container(
    engine: Engine, bare: pytest.MonkeyPatch, blank: str
) -> None:
    bare.setenv("PGEO_IPS", blank)
    container.up(engine.client, "image", PORT)
    assert len((engine.folder / "token").read_text().strip()) == 48
    assert "NET_ADMIN" not in (engine.folder / "arguments").read_text()
    assert firewall_policy.peers(blank) is None


@pytest.mark.parametrize(("name", "value"), [("PGEO_IPS", "all"), ("JUPYTER_PORT", "80"), ("JUPYTER_TOKEN", "a b")])
def test_what_the_container_would_refuse_is_refused_before_the_build(
    bare: pytest.MonkeyPatch, name: str, value: str
) -> None:
    bare.setenv(name, value)
    with pytest.raises(BuildError, match=f"^(invalid )?{name}[=:]"):
        container.environment()


def test_the_project_is_where_the_image_says(engine: Engine, bare: pytest.MonkeyPatch) -> None:
    container.up(engine.client, "image", PORT)
    assert f" --volume {container.VOLUME}:{WORKDIR} " in (engine.folder / "arguments").read_text()


@pytest.mark.parametrize("running", [True, False])
def test_a_container_that_ended_holds_no_port(engine: Engine, running: bool) -> None:
    (engine.folder / "there").touch()
    engine.write("container.json", "healthy", running=running)
    assert (container.publishes(engine.client, PORT), container.publishes(engine.client, "1")) == (running, False)


def test_a_container_that_serves_already_stays(engine: Engine, bare: pytest.MonkeyPatch) -> None:
    (engine.folder / "there").touch()
    engine.write("container.json", "healthy", env=("JUPYTER_TOKEN=a/b", "STOP_SECONDS=120"))
    assert container.up(engine.client, "image", PORT) == f"http://127.0.0.1:{PORT}/tree?token=a%2Fb"
    assert "rm --force" not in engine.calls()


@pytest.mark.parametrize(
    ("health", "image", "env"),
    [
        ("healthy", "image-0", ("JUPYTER_TOKEN=a", "STOP_SECONDS=120")),
        ("unhealthy", "image-1", ("JUPYTER_TOKEN=a", "STOP_SECONDS=120")),
        ("healthy", "image-1", ("JUPYTER_TOKEN=a", "BUCKET_NAME=b", "STOP_SECONDS=120")),
        ("healthy", "image-1", ("JUPYTER_TOKEN=a", "TZ=Europe/Berlin", "STOP_SECONDS=120")),
    ],
)
def test_a_container_that_is_another_is_replaced(
    engine: Engine, bare: pytest.MonkeyPatch, health: str, image: str, env: tuple[str, ...]
) -> None:
    (engine.folder / "there").touch()
    engine.write("container.json", health, image, env)
    container.up(engine.client, "image", PORT)
    assert engine.calls().index("rm --force") < engine.calls().index("create --name")
    assert engine.there()


@pytest.mark.parametrize(
    ("health", "running", "line"),
    [
        ("starting", False, "^the container ended with 7: last line$"),
        ("unhealthy", True, "^the container was not healthy within 120 s: jupyter: dead$"),
    ],
)
def test_a_container_that_fails_says_why_and_is_gone(
    engine: Engine, bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], health: str, running: bool, line: str
) -> None:
    engine.write("run.json", health, running=running)
    with pytest.raises(BuildError, match=line):
        container.up(engine.client, "image", PORT)
    assert "first line" in capsys.readouterr().out
    assert not engine.there()


def test_a_container_that_cannot_be_started_is_gone(engine: Engine, bare: pytest.MonkeyPatch) -> None:
    failure = "docker: Error response from daemon: port is already allocated.\nSee 'docker run --help'."
    (engine.folder / "failure").write_text(f'echo "{failure}" >&2; exit 125')
    with pytest.raises(BuildError, match="^docker start failed: port is already allocated.$"):
        container.up(engine.client, "image", PORT)
    assert not engine.there()
