"""What a start asks of S3; docs/scale.md multiplies it by a thousand."""

from __future__ import annotations

from .machines import until
from .projects import PIP, Project, imported, saved, shell
from .services import Service

# As measured, and a tenth for what differs from run to run. Until the container was stopped.
NEW, AGAIN, WITH_PACKAGE = 32, 26, 38


def whole(project: Project, started: Service) -> int:
    """How many requests it took until all was done that a start does, and to stop again."""
    started.ready()
    until(lambda: started.health()["plugins"].startswith("saved"), "the packages are here")
    until(lambda: ".melda-jupyter/image.json" in project.objects(), "the image is noted")
    before = len(asked(project))
    started.stop()
    assert len(asked(project)) - before <= 4, asked(project)[before:]
    return len(asked(project))


def asked(project: Project) -> list[str]:
    """Requests for this project since they were forgotten; those of the test itself are lists of all of it."""
    own = "list-type=2&prefix=" + project.prefix.replace("/", "%2F") + "&"
    return [f"{method} {path}" for method, path, _ in project.s3.requests if own not in path]


def test_a_start_asks_little_of_s3(project: Project) -> None:
    counts = []
    for _ in range(2):
        project.s3.requests.clear()
        counts.append(whole(project, project.start()))
    assert counts[0] <= NEW and counts[1] <= AGAIN, counts
    assert ".melda-jupyter/environment.json" not in project.objects(), "there was nothing to write down"
    installing = project.start().ready()
    shell(installing, PIP + "zebra==1.0")
    saved(installing)
    installing.stop()
    again = project.start().ready()
    assert imported(again, "zebra") == "1.0"
    again.stop()  # of one second nobody knows which object was first: then the snapshot is written again
    written = project.get(".melda-jupyter/environment.json")
    assert b"zebra" in written
    project.s3.requests.clear()
    last = project.start()
    counts.append(whole(project, last))
    assert counts[2] <= WITH_PACKAGE, asked(project)
    assert project.get(".melda-jupyter/environment.json") == written
