"""What removes a container, `make down` above all: which one, and where the project is is said."""

# ruff: noqa: F811 pytest finds the fixture that is imported here by its name
from __future__ import annotations

import json

import pytest

from builder import container
from builder.errors import BuildError

from .test_container import PORT, WORKDIR, Engine, engine  # noqa: F401


def test_down_twice_and_without_an_engine(engine: Engine) -> None:
    (engine.folder / "there").touch()
    engine.write("container.json", "healthy")
    assert container.down(engine.client) == f"container {container.NAME} is gone"
    assert container.down(engine.client) == f"there is no container {container.NAME}"
    assert container.down("") == f"there is no container {container.NAME}"


def test_down_says_where_the_project_is(engine: Engine) -> None:
    script = engine.folder / "docker"
    script.write_text(script.read_text().replace('"volume inspect") exit 1', '"volume inspect") echo "[{}]"'))
    for env, place in (
        ((), f"the volume {container.VOLUME} ('docker volume rm {container.VOLUME}' deletes it)"),
        (("BUCKET_NAME=b", "PROJECT_FOLDER=/users/ada/"), "s3://b/users/ada"),
    ):
        (engine.folder / "there").touch()
        engine.write("container.json", "healthy", env=env)
        assert container.down(engine.client) == f"container {container.NAME} is gone; the project stays in {place}"


def write(engine: Engine, mounts: list[dict[str, str]], env: tuple[str, ...] = ()) -> None:
    """Somebody gave a container this name by hand."""
    (engine.folder / "there").touch()
    engine.write("container.json", "healthy", env=env)
    (found,) = json.loads((engine.folder / "container.json").read_text())
    (engine.folder / "container.json").write_text(json.dumps([{**found, "Mounts": mounts}]))


@pytest.mark.parametrize(
    ("mounts", "env"),
    [
        ([], ()),
        ([], ("BUCKET_NAME=",)),
        ([{"Type": "volume", "Name": "ab" * 32, "Destination": WORKDIR}], ()),
        ([{"Type": "bind", "Destination": "/data"}], ()),
    ],
    ids=["no volume", "an empty variable", "a volume without a name", "elsewhere"],
)
def test_a_container_with_a_project_in_it_is_not_removed(
    engine: Engine, bare: pytest.MonkeyPatch, mounts: list[dict[str, str]], env: tuple[str, ...]
) -> None:
    """`make up` and `make down` removed it with all work."""
    write(engine, mounts, env)
    for remove in (container.down, lambda docker: container.up(docker, "image", "1")):
        with pytest.raises(BuildError, match=f"'docker rename {container.NAME} OTHER' keeps it"):
            remove(engine.client)
    assert engine.there()


@pytest.mark.parametrize(
    "mount",
    [{"Type": "bind", "Destination": WORKDIR}, {"Type": "volume", "Name": "work", "Destination": "/srv/jo"}],
)
def test_a_container_whose_project_is_elsewhere_is_removed(engine: Engine, mount: dict[str, str]) -> None:
    write(engine, [mount])
    container.down(engine.client)
    assert not engine.there()


def test_the_container_of_another_make_up_at_this_moment_stays(engine: Engine, bare: pytest.MonkeyPatch) -> None:
    """It was removed, after its address had been printed."""
    (engine.folder / "taken").touch()
    with pytest.raises(BuildError, match="^docker create failed: Conflict.$"):
        container.up(engine.client, "image", PORT)
    assert engine.there()
