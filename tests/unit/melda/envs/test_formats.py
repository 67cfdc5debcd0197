"""Formats of others: what is written is read as the same; what would have an installer look elsewhere is refused."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from melda.envs import capture, diff, document, formats
from melda.envs.errors import UsageError
from melda.envs.formats import conda, freeze, renv, sessioninfo
from packaging.requirements import Requirement

from tests.unit.melda.envs.strategies import captures

SHA = "a" * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def packages(found: dict[str, Any], kind: str = "python") -> list[tuple[str, str, str]]:
    return [(entry["name"], entry["version"], entry["source"]["type"]) for entry in found[kind]["packages"]]


@given(captures())
def test_a_capture_is_read_as_it_was_written(found: dict[str, Any]) -> None:
    assert formats.parse(capture.text(found), "environment.json") == found


@given(captures())
def test_requirements_are_read_as_they_were_written(found: dict[str, Any]) -> None:
    text = freeze.write(found)
    for line in text.splitlines():
        assert line == freeze.NOTHING.strip() or Requirement(line)
    if text != freeze.NOTHING:
        again = formats.parse(text, "requirements.txt")["python"]["packages"]
        known = [
            {**entry, "version": entry["version"] if entry["source"]["type"] == "index" else ""}
            for entry in found["python"]["packages"]
        ]
        assert again == known


@given(captures())
def test_renvs_lock_is_read_as_it_was_written(found: dict[str, Any]) -> None:
    again = formats.parse(renv.write(found), "renv.lock")
    kinds = {entry["source"]["type"] for entry in found["r"]["packages"]}
    whole = [{**one, "source": {**one["source"], "host": ""}} for one in found["r"]["packages"]]
    assert len(again["r"]["packages"]) + len(again.get(document.PROBLEMS, [])) == len(whole)
    local = {one["name"] for one in found["r"]["packages"] if one["source"]["type"] == "local"}
    assert {one["name"] for one in again.get(document.PROBLEMS, [])} == local
    found["r"]["packages"] = [one for one in found["r"]["packages"] if one["name"] not in local]
    assert again["r"] == found["r"] or "bioconductor" in kinds
    assert [change for change in diff.compare(found, again) if change.kind == "r"] == []


@given(captures())
def test_condas_environment_is_yaml_with_every_package(found: dict[str, Any]) -> None:
    text = conda.write(found)
    loaded = yaml.safe_load(text)
    assert set(loaded) == {"name", "channels", "dependencies"}
    wanted = [part for part in loaded["dependencies"] if isinstance(part, dict)]
    in_pip = wanted[0]["pip"] if wanted else []
    assert len(in_pip) == len(found["python"]["packages"])
    for entry in found["r"]["packages"]:
        assert entry["name"].lower() in text.lower()


@given(captures(), captures())
def test_a_diff_is_empty_against_itself_and_the_same_from_the_other_side(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert diff.compare(one, one) == []
    forth, back = diff.compare(one, other), diff.compare(other, one)
    assert [(change.name, change.before, change.after) for change in forth] == [
        (change.name, change.after, change.before) for change in back
    ]


@given(st.text())
def test_whatever_it_is_it_is_read_or_refused_in_one_line(text: str) -> None:
    for name in ("requirements.txt", "pylock.toml", "renv.lock"):
        try:
            formats.parse(text, name)
        except UsageError as refused:
            assert len(str(refused)) < 1000


@given(captures(), st.data())
def test_a_byte_changed_anywhere_is_read_or_refused(found: dict[str, Any], data: st.DataObject) -> None:
    text = capture.text(found)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.characters()) + text[at + data.draw(st.integers(0, 3)) :]
    with contextlib.suppress(UsageError):
        document.check(formats.parse(changed, "environment.json"), "x")


@pytest.mark.parametrize("said", ["4.2.2", "R 4.2.2", "R version 4.2.2 (2022-10-31)"])
def test_paks_r_version(said: str) -> None:
    lock = {
        "lockfile_version": 1,
        "r_version": said,
        "packages": [{"package": "zebra", "version": "1.0", "type": "cran"}],
    }
    assert formats.parse(json.dumps(lock), "pkg.lock")["r"]["version"] == "4.2.2"


def test_a_files_hash_is_taken_if_it_is_for_this_python() -> None:
    def hashes(file: str) -> list[str]:
        found = formats.parse(f"@EXPLICIT\n# pip zebra @ https://files.pythonhosted.org/{file}#sha256={SHA}\n", "x.txt")
        return list(found["python"]["packages"][0].get("hashes", []))

    assert hashes("zebra-1.0-py3-none-any.whl") == hashes("zebra-1.0.tar.gz") == [f"sha256:{SHA}"]
    assert hashes("zebra-1.0-cp27-cp27m-win32.whl") == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Pipfile.lock", '{"_meta": {"sources": [{"name": "mine", "url": "https://i.example/s"}]}, "default": {"zebra": '
         '{"version": "==1.0", "index": "mine"}}}'),
        ("pylock.toml", 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "zebra"\nversion = "1.0"\nindex = '
         f'"https://i.example/s"\nsdist = {{url = "https://i.example/zebra-1.0.tar.gz", hashes = {{sha256 = "{SHA}"}}}}'),
    ],
)  # fmt: skip
def test_another_index_is_said(name: str, text: str) -> None:
    assert any("https://i.example/s is not asked" in one for one in formats.parse(text, name)[formats.NOTES])


PYLOCK = f"""\
lock-version = "1.0"
created-by = "test"
[[packages]]
name = "Zebra"
version = "1.0"
index = "https://pypi.org/simple"
sdist = {{url = "https://files.example/zebra-1.0.tar.gz", hashes = {{sha256 = "{"b" * 64}"}}}}
wheels = [{{url = "https://files.example/zebra-1.0-py3-none-any.whl", hashes = {{sha256 = "{SHA}"}}}}]
[[packages]]
name = "windows-only"
version = "1.0"
marker = "sys_platform == 'win32'"
wheels = [{{url = "https://files.example/x-1.0-py3-none-any.whl", hashes = {{sha256 = "{SHA}"}}}}]
[[packages]]
name = "cat"
vcs = {{type = "git", url = "https://example.org/cat.git", commit-id = "{COMMIT}"}}
[[packages]]
name = "owl"
archive = {{url = "https://example.org/owl.tar.gz", hashes = {{sha256 = "{SHA}"}}}}
"""


def test_pylock() -> None:
    found = formats.parse(PYLOCK, "pylock.toml")
    assert packages(found) == [("cat", "", "vcs"), ("owl", "", "url"), ("zebra", "1.0", "index")]
    assert found["python"]["packages"][2]["hashes"] == [f"sha256:{SHA}", f"sha256:{'b' * 64}"]


@pytest.mark.parametrize(
    "text",
    [
        'lock-version = "2.0"', "lock-version = 1", 'lock-version = "1.0"\npackages = 1',
        'lock-version = "1.0"\n[[packages]]\nname = "../x"\nversion = "1"\nwheels = [{hashes = {sha256 = "%s"}}]' % SHA,
        'lock-version = "1.0"\n[[packages]]\nname = "x"\nversion = "1"',
        'lock-version = "1.0"\n[[packages]]\nname = "x"\nversion = "1"\nwheels = [{hashes = {md5 = "%s"}}]' % SHA,
        'lock-version = "1.0"\n[[packages]]\nname = "x"\nwheels = [{hashes = {sha256 = "%s"}}]' % SHA,
        'lock-version = "1.0"\n[[packages]]\nname = "x"\ndirectory = {path = "."}',
        'lock-version = "1.0"\n[[packages]]\nname = "x"\narchive = {path = "x.whl", hashes = {sha256 = "%s"}}' % SHA,
        'lock-version = "1.0"\n[[packages]]\nname = "x"\narchive = {url = "file:///x", hashes = {sha256 = "%s"}}' % SHA,
        'lock-version = "1.0"\n[[packages]]\nname = "x"\nmarker = "evil"',
        'lock-version = "1.0"\npackages = ' + "[" * 5000,
    ],
)  # fmt: skip
def test_a_pylock_that_is_not_right(text: str) -> None:
    try:
        found = formats.parse(text, "pylock.toml")
    except UsageError:
        assert "[[[" in text
        return
    assert found[document.PROBLEMS] and found["python"]["packages"] == []


RENV = {
    "R": {"Version": "4.2.2", "Repositories": [{"Name": "CRAN", "URL": "https://evil.example"}]},
    "Bioconductor": {"Version": "3.16"},
    "Packages": {
        "xts": {"Package": "xts", "Version": "0.12.2", "Source": "Repository", "Repository": "CRAN", "Hash": "0" * 32,
                "Requirements": ["R", "zoo"]},
        "methods": {"Package": "methods", "Version": "4.2.2", "Source": "Repository"},
        "limma": {"Package": "limma", "Version": "3.54.0", "Source": "Bioconductor"},
        "cat": {"Package": "cat", "Version": "0.1.0.9000", "Source": "GitHub", "RemoteType": "github", "RemoteUsername": "ada",
                "RemoteRepo": "cat", "RemoteRef": "HEAD", "RemoteSha": COMMIT, "RemoteHost": "api.github.com"},
    },
}  # fmt: skip


def test_renv() -> None:
    found = formats.parse(json.dumps(RENV), "renv.lock")
    assert packages(found, "r") == [
        ("cat", "0.1.0.9000", "github"), ("limma", "3.54.0", "bioconductor"), ("xts", "0.12.2", "cran")
    ]  # fmt: skip
    assert "evil" not in json.dumps(found), "the file does not choose where from"


@pytest.mark.parametrize(
    "package",
    [
        {"Package": "other", "Version": "1.0"}, {"Version": "1.0; x"}, {"Version": 1}, [], {},
        {"Version": "1.0", "Source": "Local"},
        {"Version": "1.0", "Source": "GitHub", "RemoteUsername": "../..", "RemoteRepo": "x", "RemoteSha": COMMIT},
        {"Version": "1.0", "Source": "Git", "RemoteUrl": "file:///etc", "RemoteSha": COMMIT},
        {"Version": "1.0", "Source": "URL", "RemoteUrl": "http://169.254.169.254/"}, {"Version": "1.0", "Source": "URL"},
    ],
)  # fmt: skip
def test_a_renv_lock_that_is_not_right(package: object) -> None:
    good = {"Package": "good", "Version": "1.0", "Source": "Repository"}
    text = json.dumps({"R": {"Version": "4.2.2"}, "Packages": {"evil": package, "good": good}})
    found = formats.parse(text, "renv.lock")
    assert packages(found, "r") == [("good", "1.0", "cran")]
    assert [one["name"] for one in found[document.PROBLEMS]] == ["evil"]


SESSION = """\
R version 4.2.2 (2022-10-31)
Platform: x86_64-pc-linux-gnu (64-bit)
Running under: Debian GNU/Linux 12 (bookworm)

Matrix products: default
BLAS:   /usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0

locale:
 [1] LC_CTYPE=en_US.UTF-8       LC_NUMERIC=C

attached base packages:
[1] stats     graphics  grDevices utils     datasets  methods   base

other attached packages:
 [1] xts_0.12.2  zoo_1.8-11

loaded via a namespace (and not attached):
 [1] compiler_4.2.2  grid_4.2.2
[10] lattice_0.20-45
"""


@pytest.mark.parametrize("prefix", ["", "## ", "#> "])
def test_session_info(prefix: str) -> None:
    text = "> sessionInfo()\n" + "".join(prefix + line + "\n" for line in SESSION.splitlines())
    found = formats.parse(text, "session.txt")
    assert packages(found, "r") == [
        ("lattice", "0.20-45", "cran"),
        ("xts", "0.12.2", "cran"),
        ("zoo", "1.8-11", "cran"),
    ]
    assert found["r"]["version"] == "4.2.2"


def test_a_session_info_that_is_not_right() -> None:
    assert sessioninfo.is_one(SESSION)
    found = formats.parse(SESSION.replace("xts_0.12.2", "xts_0.12.2;x"), "session.txt")
    assert [one["name"] for one in found[document.PROBLEMS]] == ["xts_0.12.2;x"]
    assert [one[0] for one in packages(found, "r")] == ["lattice", "zoo"]


def test_a_hundred_megabytes_and_what_is_no_file_are_refused_at_once(tmp_path: Path) -> None:
    big = tmp_path / "environment.json"
    with big.open("wb") as stream:
        stream.truncate(100 << 20)
    os.mkfifo(tmp_path / "pipe")
    for path in (big, tmp_path / "pipe", tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError):
            formats.read(str(path))


def test_requirements_with_hashes_are_all_or_none() -> None:
    entry = {"name": "zebra", "version": "1.0", "source": {"type": "index"}, "hashes": [f"sha256:{SHA}"]}
    found = document.empty()
    found["python"]["packages"] = [entry]
    assert f"--hash=sha256:{SHA}" in freeze.write(found)
    found["python"]["packages"] = [entry, {"name": "yak", "version": "1.0", "source": {"type": "index"}}]
    assert "--hash" not in freeze.write(found)
