"""No capture holds user info or a query of an address, whatever field it stood in; what is no file costs its entry."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from melda.config import environ
from melda.envs import as_user, capture, cli, document, entries, formats
from melda.envs.capture import copies, pack
from melda.envs.errors import UsageError

from tests.unit.melda.envs.conftest import Image, distribution, r_package
from tests.unit.melda.envs.test_addresses import SECRET, shapes
from tests.unit.melda.envs.test_capture import COMMIT, packages

SHA = "a" * 64
REMOTE = (
    "RemoteUrl", "RemoteHost", "RemoteRepo", "RemoteUsername", "RemoteSubdir", "RemoteRef", "RemoteSha", "RemotePkgRef",
    "RemoteRepos", "Repository", "git_url", "git_branch", "biocViews", "URL", "Built", "Depends", "RemoteType", "Version",
)  # fmt: skip
TYPES = ("", "github", "gitlab", "bitbucket", "git", "xgit", "url", "local", "standard", "bioc")


def everywhere(image: Image) -> str:
    """All that is written of a container: the capture, and each other format."""
    found = image.look()
    kept, _ = pack.keep(found, str(image.root / "files"))
    document.check(json.loads(capture.text(found.document)), "x")
    texts = [write(found.document) for write in formats.WRITERS.values()]
    texts += [path.read_bytes().decode("latin-1") for path in (image.root / "files").glob("*")]
    return "".join(texts) + repr(kept)


# Not made smaller when it fails: each example writes fifty packages.
@settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@given(SECRET, st.integers(0, 1 << 32))
@example("S3cr/12", 0)
@example("S3crq33a?p$M%WK}", 759)
def test_no_field_of_python_or_r_brings_a_secret_into_a_capture(image: Image, secret: str, seed: int) -> None:
    for folder in (image.own_python, image.own_r, image.image_python, image.system_r):
        shutil.rmtree(folder)
        folder.mkdir()
    urls = shapes(secret)
    pick: Callable[[Any], Any] = random.Random(seed).choice
    for number, field in enumerate(REMOTE):
        r_package(image.own_r, f"x{number}.x", "1.0", **{"RemoteType": pick(TYPES), field: pick(urls)})
    for number in range(10):
        url, other = pick(urls), pick(urls)
        direct: dict[str, Any] = {"url": "https://h.example/x.whl", "archive_info": {}}
        vcs: dict[str, Any] = {"url": "https://h.example/x", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
        direct = [
            {**direct, "url": url}, {**vcs, "url": url}, {**direct, "url": f"file:///tmp/{other}"},
            {**direct, "url": f"file://{other}/x"}, {**direct, "archive_info": {"hash": f"sha256={url}"}},
            {**direct, "archive_info": {"hashes": {"sha256": url}}}, {**vcs, "subdirectory": url},
            {**vcs, "vcs_info": {"vcs": url, "commit_id": url, "requested_revision": url}},
            {**direct, "dir_info": {"editable": url}}, {**direct, "more": url},
        ][number]  # fmt: skip
        distribution(image.own_python, f"zebra{number}", "1.0", direct)
    for folder in (image.own_python, image.image_python):
        info = folder / "yak-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {pick(urls)}\nVersion: {pick(urls)}\n\n")
        (info / "RECORD").write_text(f"{pick(urls)},sha256={pick(urls)},1\n")
    r_package(image.system_r, "cat", "1.0").joinpath("DESCRIPTION").write_text(
        f"Package: {pick(urls)}\nVersion: {pick(urls)}\n"
    )
    assert "S3cr" not in everywhere(image)


DIRECT = {
    "user": ({"url": "https://ada:S3cr@h.example/x.whl", "archive_info": {}}, "user info"),
    "query": ({"url": "https://h.example/x.whl?token=S3cr", "archive_info": {}}, "query"),
    "ssh": ({"url": "ssh://git:S3cr@h.example/x", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, "user info"),
    "other": ({"url": "https://h.example/x", "vcs_info": {"vcs": "hg", "commit_id": "1"}}, "commit"),
    "http": ({"url": "http://h.example/x.whl", "archive_info": {}}, "address"),
}


@pytest.mark.parametrize("name", DIRECT)
def test_a_package_of_which_something_is_left_out_is_named_and_costs_itself(image: Image, name: str) -> None:
    distribution(image.own_python, "good", "1.0")
    distribution(image.own_python, "zebra", "1.0", DIRECT[name][0])
    found = document.check(image.capture(), "x")
    assert list(packages(found, "python")) == ["good", "zebra"]
    zebra = packages(found, "python")["zebra"]
    assert (zebra["version"], DIRECT[name][1] in zebra["source"]["dropped"]) == ("1.0", True)
    assert entries.lost(zebra) and not entries.lost(packages(found, "python")["good"])
    assert entries.lost(zebra) in formats.WRITERS["requirements"](found)
    assert formats.parse(formats.WRITERS["requirements"](found), "requirements.txt")


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({"RemoteType": "url", "RemoteUrl": "https://u:S3cr@h.example/x.tgz"},
         {"type": "url", "url": "https://h.example/x.tgz", "dropped": ["user info"]}),
        ({"RemoteType": "git", "RemoteUrl": "git@h.example:a/b.git", "RemoteSha": COMMIT},
         {"type": "git", "url": "ssh://h.example/a/b.git", "commit": COMMIT}),
        ({"RemoteType": "github", "RemoteHost": "S3cr@api.github.com", "RemoteUsername": "a", "RemoteRepo": "b"},
         {"type": "github", "owner": "a", "repository": "b", "dropped": ["host"]}),
        ({"Repository": "https://u:S3cr@packages.example/cran"},
         {"type": "cran", "repository": "https://packages.example/cran", "dropped": ["user info"]}),
        ({"Repository": "http://packages.example/cran?token=S3cr"},
         {"type": "cran", "repository": "http://packages.example/cran", "dropped": ["query"]}),
    ],
)  # fmt: skip
def test_of_an_r_package_too(image: Image, fields: dict[str, str], source: dict[str, Any]) -> None:
    r_package(image.own_r, "zebra", "1.0", **fields)
    entry = packages(document.check(image.capture(), "x"), "r")["zebra"]
    assert entry["source"] == source
    # A repository's address plays no part: the image's mirrors are asked.
    assert bool(entries.lost(entry)) is (source["type"] in ("url", "github"))
    written = formats.parse(formats.WRITERS["renv"](image.capture()), "renv.lock")
    assert [one["name"] for one in written["r"]["packages"] or written[document.PROBLEMS]] == ["zebra"]


def test_a_copy_of_what_holds_a_secret_is_not_kept(image: Image) -> None:
    r_package(image.own_r, "zebra", "1.0", RemoteUrl="https://u:S3cr@h.example/x")
    r_package(image.own_r, "yak", "1.0", URL="https://h.example/?page=1", Description="as in https://u:p@h.example")
    info = distribution(image.own_python, "owl", "1.0", {"url": "file:///x.whl"})
    (info / "METADATA").write_text("Name: owl\nVersion: 1.0\nHome-page: https://u:S3cr@h.example\n")
    kept, failures = pack.keep(image.look(), str(image.root / "files"))
    assert kept == ["yak"] and set(failures) == {"zebra", "owl"}
    assert all("holds an address" in reason for reason in failures.values())


class TestTheWholeDocument:
    """Whatever was overlooked before."""

    URL = "https://u:S3cr@h.example/x?t=S3cr"

    def test_of_what_looks_like_a_secret_name_and_version_are_left(
        self, image: Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        distribution(image.own_python, "zebra", "1.0", {"url": "https://h.example/x.whl"})
        r_package(image.own_r, "yak", "1.0", Repository="CRAN")
        monkeypatch.setattr(entries, "known", lambda language, entry: {**entry, "needs": [self.URL]})
        found = image.look()
        assert "S3cr" not in capture.text(found.document) and found.left_out == ["zebra", "yak"]
        for kind, name, source in (("python", "zebra", "url"), ("r", "yak", "cran")):
            entry = {"name": name, "version": "1.0", "source": {"type": source, "dropped": ["address"]}}
            assert found.document[kind]["packages"] == [entry]
        assert (found.python["zebra"].entry, found.r["yak"][1]) == tuple(
            found.document[kind]["packages"][0] for kind in ("python", "r")
        )

    def test_elsewhere_too(self) -> None:
        found = document.empty()
        found["python"]["image"] = {"a": self.URL, self.URL: "1.0", "b": "1.0"}
        found["system"]["base"] = self.URL
        found["kernels"] = [{"notebook": self.URL, "language": "r", "asked": True, "loaded": ["zoo", self.URL]}]
        found["r"]["packages"] = [{"name": self.URL, "version": "1.0", "source": {"type": "cran"}}]
        without, told = entries.checked(found)
        assert "S3cr" not in json.dumps(without) and told == ["python", "a r package", "system or kernels"]
        assert without["python"]["image"] == {"a": "", "b": "1.0"}
        assert without["kernels"] == [{"notebook": "", "language": "r", "asked": True, "loaded": ["zoo"]}]

    def test_what_holds_none_is_as_it_was(self, image: Image) -> None:
        distribution(image.own_python, "zebra", "1.0")
        found = image.capture()
        assert entries.checked(found) == (found, []) and entries.cleaned(found) == found


OLD = {
    **document.empty(),
    "python": {"version": "", "packages": [
        {"name": "a", "version": "1.0", "source": {"type": "url", "url": "https://u:S3cr@h.example/a.whl"}},
        {"name": "b", "version": "1.0", "source": {"type": "vcs", "vcs": "git", "url": "ssh://git@h/b", "commit": COMMIT}},
        {"name": "c", "version": "1.0", "source": {"type": "url", "url": "https://u:12/S3cr@h.example/c.whl"}},
        {"name": "d", "version": "1.0", "source": {"type": "local", "path": "//u:S3cr@h/d.whl", "editable": False}},
    ]},
    "r": {"version": "", "packages": [
        {"name": "ee", "version": "1.0", "source": {"type": "github", "host": "u:S3cr@h.example", "owner": "a", "repository": "b",
                                                    "commit": COMMIT}},
        {"name": "ff", "version": "1.0", "source": {"type": "cran", "repository": "https://u:S3cr@h.example/cran"}},
    ]},
}  # fmt: skip


def test_a_capture_of_an_older_image_is_read_package_by_package() -> None:
    found = formats.parse(json.dumps(OLD), "environment.json")
    assert "S3cr" not in json.dumps(found)
    by_name = {entry["name"]: entry for kind in ("python", "r") for entry in found[kind]["packages"]}
    assert by_name["b"]["source"]["url"] == "ssh://h/b"
    assert {name for name, entry in by_name.items() if entries.lost(entry)} == {"a", "c", "d", "ee"}


@pytest.mark.parametrize(
    "source", [None, [], {"type": []}, {"type": "url", "url": 1}, {"type": "url", "url": "x", "dropped": 1}]
)
def test_what_is_no_source_costs_its_package(source: object) -> None:
    packages = [{"name": "a", "version": "1", "source": source}]
    found = document.check({**OLD, "python": {"version": "", "packages": packages}}, "x")
    assert [one["name"] for one in found[document.PROBLEMS]] == ["a"] and found["python"]["packages"] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", f"good==1.0\nx @ https://u:S3cr@h.example/x.whl\ny @ git+ssh://u:S3cr@h.example/y@{COMMIT}\n"),
        ("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nname = "x"\n'
         f'archive = {{url = "https://h.example/x.whl?t=S3cr", hashes = {{sha256 = "{SHA}"}}}}\n'),
        ("renv.lock", json.dumps({"Packages": {"xx": {"Version": "1.0", "Source": "URL", "RemoteUrl": "https://u:S3cr@h/x"}}})),
    ],
)  # fmt: skip
def test_in_the_formats_of_others_too_it_costs_its_package(name: str, text: str) -> None:
    found = formats.parse(text, name)
    assert "S3cr" not in json.dumps(found)
    every = [entry for kind in ("python", "r") for entry in found[kind]["packages"]]
    assert all(entries.lost(entry) for entry in every if entry["name"] != "good") and every


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "x @ git+https://u:S3cr@h.example/x@main"), ("requirements.txt", "-i https://u:S3cr@h.example/x"),
        ("requirements.txt", "x @ http://u:S3cr@h.example/"), ("requirements.txt", "https://u:S3cr@h.example/x.whl"),
        ("e.json", json.dumps({**OLD, "schema": "https://u:S3cr@h.example/"})),
        ("e.json", json.dumps({**OLD, "more": "https://" + "u" * 60 + ":S3cr@h.example/"})),
    ],
)  # fmt: skip
def test_no_message_shows_one(name: str, text: str) -> None:
    try:
        found = json.dumps(formats.parse(text, name))
    except UsageError as refused:
        found = str(refused)
    assert "S3cr" not in found


def test_captures_that_lie_there_already_are_cleaned(image: Image) -> None:
    fork = image.workdir / ".melda-jupyter" / "fork" / "environment.json"
    fork.parent.mkdir(parents=True)
    broken = {"schema": 1, "python": {"packages": "https://u:S3cr@h.example/"}}
    (image.workdir / "environment.json").write_text(json.dumps(broken))
    (image.workdir / ".melda-jupyter" / "environment.json").write_text('{"other": "https://u:S3cr@h.example/"}')
    fork.write_text(json.dumps(OLD))
    copies.clean_all(str(image.workdir))
    assert "S3cr" not in fork.read_text() and document.check(json.loads(fork.read_text()), "x")
    assert "S3cr" not in (image.workdir / "environment.json").read_text()
    assert "S3cr" in (image.workdir / ".melda-jupyter" / "environment.json").read_text(), "no capture"
    assert [copies.clean(path) for path in copies.paths(str(image.workdir))] == [False] * 3


def test_the_command_says_what_it_left_out(image: Image, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    distribution(image.own_python, "zebra", "1.0", DIRECT["user"][0])
    monkeypatch.setattr(environ, "load", dict)
    monkeypatch.setattr(environ, "image_layout", lambda variables: image.layout)
    monkeypatch.setattr(as_user, "go_on", lambda place: None)
    assert cli.main(["capture", str(image.root / "e.json")]) == 0
    output = capsys.readouterr().out
    assert (
        "without its whole address: zebra 1.0: its address held a user name or password, which no capture keeps"
        in output
    )
    assert "S3cr" not in output
