"""A project outlives its image: what it had with another Python and R is said, taken over or installed again, and never lost.

The other image is played: what lies in the project gets the name of another version, as that image would have left it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machines import ROOT, until
from .projects import PIP, Project, imported, saved, shell
from .services import BUCKET, Service

STATE = "/home/melda/project/.melda-jupyter"
LOCAL = "R CMD INSTALL --library=$(ls -d project/R-4.2.2) /sources/meldalocal >/dev/null 2>&1"
HAS_LOCAL = "Rscript -e 'library(meldalocal); cat(standin_version())' 2>&1"
SAYS = "the project ran on another image before: "


def moved(project: Project, names: dict[str, str]) -> None:
    """In the bucket, the folders' names are those of another version."""
    for key in project.objects():
        for old, new in names.items():
            if key.startswith(f".melda-jupyter/{old}/"):
                project.put(key.replace(old, new), project.get(key))
                project.client.delete_object(Bucket=BUCKET, Key=project.prefix + key)
    record = json.loads(project.get(".melda-jupyter/image.json"))
    record["last"] |= {"python": names["Python-3.11.2"].partition("-")[2], "r": names["R-4.2.2"].partition("-")[2]}
    project.put(".melda-jupyter/image.json", json.dumps(record).encode())
    snapshot = project.get(".melda-jupyter/environment.json").decode()
    for old, new in names.items():
        snapshot = snapshot.replace(f'"{old.partition("-")[2]}"', f'"{new.partition("-")[2]}"')
    project.put(".melda-jupyter/environment.json", snapshot.encode())


# As if it had been compiled for another patch release; the one in the index is not.
BREAK = (
    "echo 'raise ImportError(\"built for 3.11.1\")' >project/Python-3.11.2/lib/python3.11/site-packages/yak/__init__.py"
)


def test_a_patch_release_in_a_bucket(project: Project, with_uv: Path) -> None:
    """The bucket keeps versions of the project's own files, as deployments/s3 asks it to."""
    project.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    rules = json.loads((ROOT / "deployments" / "s3" / "lifecycle.json").read_text())
    project.client.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=rules)
    one = project.start().ready()
    for text in ("first", "second"):
        shell(one, f"echo {text} >project/notes.txt")
    shell(one, f"{PIP} zebra==1.0 yak==1.0\n{BREAK}\n{LOCAL}")
    saved(one)
    one.stop()
    found = project.client.list_object_versions(Bucket=BUCKET, Prefix=project.prefix + "notes.txt")["Versions"]
    texts = [project.client.get_object(Bucket=BUCKET, Key=item["Key"], VersionId=item["VersionId"]) for item in found]
    assert "first\n" in [text["Body"].read().decode() for text in texts]
    assert project.get("notes.txt") == b"second\n"
    moved(project, {"Python-3.11.2": "Python-3.11.1", "R-4.2.2": "R-4.2.0"})
    two = project.start()
    two.run("cp /sources/pip.conf /etc/pip.conf")
    two.ready()
    assert imported(two, "zebra") == "1.0", "the first cell has it"
    assert shell(two, HAS_LOCAL) == "0.1"
    assert two.health()["image"] == SAYS + "Python 3.11.1 -> 3.11.2, R 4.2.0 -> 4.2.2"
    two.says("what is from Python-3.11.1 is loaded once: 1 do not load", 60)
    two.says("what is from R-4.2.0 is loaded once: 0 do not load", 60)
    two.says("1 packages that did not load are installed again; 0 do not load", 60)
    assert imported(two, "yak") == "1.0", "it is built for this one"
    two.says("S3 copied 2 archives within the bucket")
    saved(two)
    names = [key.split("/")[1:] for key in project.objects() if "/R-4.2." in key and key.endswith(".zst")]
    assert sorted(folder for folder, _ in names) == ["R-4.2.0", "R-4.2.2"]
    assert len({name for _, name in names}) == 1, "nothing of R is uploaded again"
    # Within one version: back to what it was.
    label = next(line.split()[0] for line in shell(two, "melda-env history").splitlines() if "Python-3.11.2" in line)
    shell(two, PIP + "zebra==2.0")
    until(lambda: "~ zebra 1.0 -> 2.0" in shell(two, "melda-env history"), "the upgrade is a generation", 60)
    assert imported(two, "zebra") == "2.0"
    assert "Python-3.11.2 is what it was on " in shell(two, f"melda-env back {label}")
    assert imported(two, "zebra") == "1.0"
    until(lambda: "~ zebra 2.0 -> 1.0" in shell(two, "melda-env history"), "the old one is a new generation", 60)
    two.stop()
    kept = {name.split("/")[1] for name in project.manifests() if name.count("/") == 2}
    assert kept == {"Python-3.11.1", "Python-3.11.2", "R-4.2.0", "R-4.2.2"}, "the old ones are there to go back to"


@pytest.fixture
def local(docker: str, image: str, with_uv: Path) -> Iterator[Service]:
    """A project in a local folder."""
    volumes = ("--volume", f"{with_uv}:/sources:ro", "--volume", f"{with_uv}/pip.conf:/etc/pip.conf:ro")
    service = Service(docker, image, volumes)
    yield service
    service.remove()


# As the images of these versions would have left the project.
OTHER = """
cd /home/melda/project
mv Python-3.11.2 Python-3.9.1 && mv Python-3.9.1/lib/python3.11 Python-3.9.1/lib/python3.9 && mv R-4.2.2 R-4.0.4
sed -i 's/"3.11.2"/"3.9.1"/; s/"4.2.2"/"4.0.4"/' .melda-jupyter/image.json
sed -i 's/1.0/0.5/' Python-3.9.1/lib/python3.9/site-packages/yak-1.0.dist-info/METADATA
mkdir Python-3.9.1/lib/python3.9/site-packages/gone-1.0.dist-info
cd Python-3.9.1/lib/python3.9/site-packages/gone-1.0.dist-info
printf 'Name: gone\\nVersion: 1.0\\n' >METADATA
printf 'gone-1.0.dist-info/RECORD,,\\n' >RECORD
chown -R melda: /home/melda/project
"""
DONE = "4 packages are carried over from Python 3.9.1 to 3.11.2, R 4.0.4 to 4.2.2; 1 cannot be had: gone 1.0"


def test_another_python_and_r_killed_meanwhile(local: Service) -> None:
    local.ready()
    assert local.health()["plugins"] == "kept in the project's folder"
    assert local.run("mount | grep -c -e plugins -e melda-jupyter/project || true").strip() == "0"
    shell(local, f"pip install -q zebra==1.0 yak==1.0 /sources/owl-3.0-py3-none-any.whl\n{LOCAL}")
    until(lambda: "python" in local.run(f"cat {STATE}/image.json || true"), "the image is noted")
    local.run(OTHER)
    local.stop()
    local.start()
    local.says("upgrade: checking", 120)
    local.kill()
    local.start()
    local.ready(local.logs().count("start-jupyter: ready: ") + 1)
    until(lambda: local.health().get("upgrade") == DONE, f"it is carried over; {local.logs()[-3000:]}", 120)
    assert SAYS + "Python 3.9.1 -> 3.11.2, R 4.0.4 -> 4.2.2" in local.logs()
    assert imported(local, "zebra", "yak", "owl") == "1.0 2.0 3.0", "yak 0.5 is nowhere"
    assert shell(local, HAS_LOCAL) == "0.1"
    told = "could not be carried over from Python 3.9.1 to 3.11.2"
    assert told in local.notebook.run("python3", "import gone").error
    local.run("printf 'r\\txts\\tit is coming\\n' >/run/melda-jupyter/plugins/missing")
    assert "called ‘xts’ (it is coming)" in local.notebook.run("ir", "library(xts)").error
    terminal = shell(local, "bash -lic true", check=False) + local.run("su - melda -c 'echo | bash -li' 2>&1")
    assert f"[upgrade: {DONE}]" in terminal
    # The day somebody goes back: all is there as it was.
    there = shell(local, "ls project/Python-3.9.1/lib/python3.9/site-packages project/R-4.0.4").split()
    assert {"zebra", "yak", "owl", "gone-1.0.dist-info", "meldalocal"} <= set(there)
    assert "  Python gone 1.0: " in shell(local, "melda-env upgrade", check=False), (
        "what could not be had is tried again"
    )
