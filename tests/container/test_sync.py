"""What the user installs lies on local disk and is in the bucket soon after: whole, whatever fails, or as it was before."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from .machines import until
from .notebook import Kernel
from .projects import BIG, PIP, PYTHON, SITE, Held, Project, imported, saved, shell
from .services import BUCKET, Service


# Folders of 200 files, and MB: 20,000 files are more than S3 lists at once, and take a minute of a processor's.
@pytest.mark.parametrize(("folders", "size"), [(10, 30), pytest.param(100, 100, marks=pytest.mark.full)])
def test_installed_at_local_speed_durable_soon_and_there_in_the_next_container(
    project: Project, folders: int, size: int
) -> None:
    """Many files, a large one, links and names beyond ASCII; then a small package; then R."""
    one = project.start().ready()
    assert one.run("stat -f -c %T /home/melda/project /home/melda/project/Python-* /home/melda/project/R-*").split() == [
        "fuseblk", "overlayfs", "overlayfs"
    ]  # fmt: skip
    until(lambda: one.health()["plugins"] == "saved", "Jupyter may answer before the sync daemon has looked")
    one.run(f"cat >/tmp/big.py <<'EOF'\n{BIG}\nEOF\nsu melda -c 'python3 /tmp/big.py {folders} {size}'")
    began = time.monotonic()
    until(lambda: len(project.manifests()) == 1, "the large package is durable", 60)
    took = time.monotonic() - began
    assert took <= 20, "on a machine with two cores that also is S3"
    shell(one, PIP + "zebra==1.0")
    began = time.monotonic()
    until(lambda: len(project.manifests()) == 2, "the small package is durable", 10)
    sizes = sorted(size for key, size in project.objects().items() if key.endswith(".tar.zst"))
    assert sizes[0] < 10_000 < size * 1_000_000 <= sizes[1], "only what is new was uploaded"
    shell(one, "R CMD INSTALL --library=/home/melda/project/R-4.2.2 /sources/meldazebra")
    until(lambda: any("/R-4.2.2/" in key for key in project.manifests()), "the R package is durable", 15)
    before = one.run(f"cd {SITE} && find . ! -name '*.pyc' -type f | sort | xargs -d '\\n' sha256sum | sha256sum")
    assert one.seconds_to_stop() < 8
    assert [key for key in project.objects() if not key.startswith(".melda-jupyter/")] == ["README.md"], "on the mount"

    two = project.start().ready()
    began = time.monotonic()
    assert imported(two, "big", "zebra") == "big 1.0"
    assert time.monotonic() - began < 30, "thousands of files come in seconds, not minutes"
    assert two.notebook.run("ir", "cat(find.package('meldazebra'))").stdout == "/home/melda/project/R-4.2.2/meldazebra"
    assert (
        two.run(f"cd {SITE} && find . ! -name '*.pyc' -type f | sort | xargs -d '\\n' sha256sum | sha256sum") == before
    )
    assert two.run(f"readlink '{SITE}/big/link' {SITE}/big/python").splitlines() == [
        "größe 数据.bin", "/opt/jupyter/bin/python"
    ]  # fmt: skip
    until(lambda: two.health()["plugins"] == "saved", "and nothing is saved again", 10)
    # Removed, and something else installed in the same moment as the container is stopped.
    shell(two, f"rm -r {SITE}/big {SITE}/big-1.0.dist-info; {PIP} zebra==2.0")
    assert two.seconds_to_stop() < 8
    three = project.start().ready()
    assert imported(three, "big", "zebra") == "none 2.0"


LARGE = f"""
import os, random
folder = "{SITE}/large"
os.makedirs(folder)
with open(folder + "/__init__.py", "w") as stream:
    stream.write("V = 'large'\\n")
with open(folder + "/weights.bin", "wb") as stream:
    for part in range(50):
        stream.write(random.Random(part).randbytes(10_000_000))
"""


@pytest.mark.full
def test_half_a_gigabyte(project: Project) -> None:
    """As a framework brings it. Meanwhile the container goes on, and a stop that comes too early loses no former state."""
    one = project.start().ready()
    shell(one, PIP + "zebra==1.0")
    until(lambda: len(project.manifests()) == 1, "the small package is durable")
    one.run(f"cat >/tmp/large.py <<'EOF'\n{LARGE}\nEOF\nsu melda -c 'python3 /tmp/large.py'")
    until(lambda: len(project.manifests()) == 2, "the large package is durable", 120)
    assert imported(one, "zebra") == "1.0"
    checksum = f"sha256sum {SITE}/large/weights.bin"
    before = one.run(checksum)
    assert one.seconds_to_stop() < 8
    two = project.start().ready()
    assert imported(two, "large", "zebra") == "large 1.0"
    assert two.run(checksum) == before


INSTALLS = f"({PIP} {{}}) >/dev/null 2>&1 &"
NO_HALF = f"ls {SITE} | grep -v set-aside-"


def installing(service: Service) -> None:
    """Wait until the package with many files has some of them."""
    until(lambda: "m1" in service.run(f"ls {SITE}/slow 2>/dev/null || true"), "it installs", 30)


def test_killed_while_it_installs_uploads_and_brings_back(project: Project) -> None:
    one = project.start().ready()
    shell(one, PIP + "zebra==1.0")
    saved(one)
    shell(one, INSTALLS.format("zebra==2.0 slow"))
    installing(one)
    one.kill()
    one.start()
    one.ready(2)
    found = imported(one, "zebra")
    assert found in ("1.0", "2.0"), "whole, one or the other"
    assert "slow" not in one.run(NO_HALF), "half of it has another name"
    until(lambda: one.health()["plugins"].startswith("saved"), "it is saved")

    # The archive is there, its manifest is not.
    other = {"1.0": "2.0", "2.0": "1.0"}[found]
    with Held(project.s3, "PUT", rf"{PYTHON}/\w+\.json") as held:
        shell(one, f"{PIP} zebra=={other} yak==1.0")
        assert held.met.wait(30), "it uploads"
        one.kill()
    two = project.start().ready()
    assert imported(two, "zebra", "yak") == f"{found} none", "as it was before"
    assert "slow" not in two.run(NO_HALF)
    two.kill()
    one.start()
    one.ready(3)
    assert imported(one, "zebra", "yak") == f"{other} 1.0", "whole, so the restart saves it"
    saved(one)
    one.stop()

    newest = max(
        (key for key in project.objects() if key.endswith(".tar.zst")),
        key=lambda key: project.client.head_object(Bucket=BUCKET, Key=project.prefix + key)["LastModified"],
    )
    three = project.start()
    with Held(project.s3, "GET", newest) as held:
        assert held.met.wait(30), "it restores"
        three.ready()
        three.kill()
    three.start()
    three.ready(2)
    assert imported(three, "zebra", "yak") == f"{other} 1.0"
    assert three.seconds_to_stop() < 8
    # A kernel waits for the packages.
    four = project.start()
    with Held(project.s3, "GET", newest) as held:
        assert held.met.wait(30), "it restores"
        four.ready()
        assert four.health()["plugins"] == "restoring"
        number = four.notebook.request("POST", "/api/kernels", {"name": "python3"}).json()["id"]
    with Kernel(four.notebook, number, 60) as kernel:
        assert kernel.run("import zebra, yak; print('there')").stdout == "there\n"
    # Stopped while it installs, it saves nothing of it either.
    shell(four, INSTALLS.format("slow"))
    installing(four)
    assert four.seconds_to_stop() < 8
    assert "was interrupted; what it did is not kept" in four.logs()
    entries = [entry for key in project.manifests() for entry in json.loads(project.get(key))["entries"]]
    assert entries and [entry for entry in entries if "slow" in entry and "set-aside-" not in entry] == []


def test_a_bucket_that_takes_nothing_is_said_and_tried_again(project: Project) -> None:
    """It is read-only, gone for a while; full, it gives another error, as tests/unit/melda/sync/test_synced_dir_end.py has it."""
    one = project.start().ready()

    def refusing(status: str) -> None:
        project.s3.judge = lambda method, _: status if method in ("PUT", "POST") else ""

    faults: list[tuple[str, Callable[[], None], Callable[[], None]]] = [
        ("1.0", lambda: refusing("403 Access Denied"), lambda: refusing("")),
        ("2.0", project.s3.refuse, project.s3.answer),
    ]
    for number, begin, end in faults:
        begin()
        shell(one, PIP + "zebra==" + number)
        until(lambda: "failed: Python" in one.run("cat /run/melda-jupyter/plugins/state"), "it is said", 60)
        assert f"plugins: {PYTHON}: not saved: " in one.logs()
        if begin != project.s3.refuse:  # then a kernel waits for the project's folder
            assert imported(one, "zebra") == number, "it goes on working"
        end()
        until(lambda: one.health()["plugins"].startswith("saved at"), "it is saved", 60)
    one.kill()
    assert imported(project.start().ready(), "zebra") == "2.0"


def test_the_old_form_is_taken_over_what_is_damaged_is_set_aside_and_garbage_does_no_harm(project: Project) -> None:
    site = SITE.removeprefix("/home/melda/project/")
    record = "zebra/__init__.py,,\nzebra-1.0.dist-info/RECORD,,\n"
    project.put(f"{site}/zebra/__init__.py", b"V = '1.0'\n")
    project.put(f"{site}/zebra-1.0.dist-info/RECORD", record.encode())
    project.put(f"{PYTHON}/flat.py", b"V = 'flat'\n")
    project.put("notebook.ipynb", b"{}")
    one = project.start().ready()
    assert imported(one, "zebra", "flat") == "1.0 flat"
    until(lambda: not any(key.startswith(PYTHON) for key in project.objects()), "the old form is gone", 30)
    assert len(project.manifests()) == 1 and project.objects()["notebook.ipynb"] == 2
    shell(one, PIP + "yak==1.0")
    until(lambda: len(project.manifests()) == 2, "it is saved", 20)
    # The user's own garbage, in the folder of ours and in the packages'
    before = set(project.manifests())
    garbage = [
        f"cd /home/melda/project/.melda-jupyter/{PYTHON}",
        "echo '{' > 0123456789abcdef.json && echo x > notes && ln -s / link && mkdir ../apt.json",
        f"head -c 1000 /dev/urandom > {'0' * 16}.tar.zst",
        f"cd {SITE}",
        "ln -s loop loop && mkfifo fifo && touch -d 1970-01-01 old && mkdir -m 0 closed && echo x > '-rf *'",
    ]
    shell(one, " && ".join(garbage))
    until(lambda: any("0123456789abcdef" not in key for key in {*project.manifests()} - before), "it is saved", 30)
    one.stop()
    manifests = [json.loads(project.get(key)) for key in project.manifests() if "0123456789abcdef" not in key]
    part = next(held[0] for found in manifests for entry, held in found["entries"].items() if entry.endswith("/yak"))
    key = f".melda-jupyter/{PYTHON}/{part}.tar.zst"
    project.put(key, project.get(key)[:-10])
    two = project.start().ready()
    assert imported(two, "zebra", "flat", "yak") == "1.0 flat none"
    assert "is damaged and set aside" in two.logs()
    assert key + ".bad" in project.objects()


def test_two_containers_at_once_and_a_terminal_tells_when_it_is_saved(project: Project) -> None:
    one, two = project.start(), project.start()
    one.ready()
    two.ready()
    commands = (
        f"{PIP} zebra==1.0; while ! grep -q 'saved at' /run/melda-jupyter/plugins/state; do sleep 0.2; done; true"
    )
    shown = one.run(f"printf '%s\\n' \"{commands}\" exit | su - melda -c 'bash -il' 2>&1")
    assert shown.count("[plugins: saved at ") == 1
    shell(two, PIP + "yak==2.0")
    saved(two)
    shell(one, PIP + "zebra==2.0")
    one.stop()
    two.stop()
    three = project.start().ready()
    assert imported(three, "zebra", "yak") == "2.0 2.0"
