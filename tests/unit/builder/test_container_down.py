"""What removes a container, `make down` above all: which one, and where the project is is said."""

# ruff: noqa: F811 pytest finds the fixture that is imported here by its name
from __future__ import annotations

import json

import pytest

from builder import container
from builder.errors import BuildError

from .test_container import PORT, Engine, engine  # noqa: F401


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


def test_a_container_with_a_project_in_it_is_not_removed(engine: Engine, bare: pytest.MonkeyPatch) -> None:
    """Somebody gave a container this name by hand, and no volume: `make up` and `make down` removed it with all work."""
    (engine.folder / "there").touch()
    engine.write("container.json", "healthy")
    (found,) = json.loads((engine.folder / "container.json").read_text())
    (engine.folder / "container.json").write_text(json.dumps([{**found, "Mounts": []}]))
    for remove in (container.down, lambda docker: container.up(docker, "image", "1")):
        with pytest.raises(BuildError, match=f"'docker rename {container.NAME} OTHER' keeps it"):
            remove(engine.client)
    assert engine.there()


def test_the_container_of_another_make_up_at_this_moment_stays(engine: Engine, bare: pytest.MonkeyPatch) -> None:
    """It was removed, after its address had been printed."""
    (engine.folder / "taken").touch()
    with pytest.raises(BuildError, match="^docker create failed: Conflict.$"):
        container.up(engine.client, "image", PORT)
    assert engine.there()
