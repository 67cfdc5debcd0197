"""`make down`: the container is gone, and where the project is is said."""

# ruff: noqa: F811 pytest finds the fixture that is imported here by its name
from __future__ import annotations

from builder import container

from .test_container import Engine, engine  # noqa: F401


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
