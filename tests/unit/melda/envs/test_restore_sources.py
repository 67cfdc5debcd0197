"""Sources of R packages: had whole or not at all, from git and hosts too, and why one cannot be had."""

from __future__ import annotations

import io
import os
import random
import subprocess
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.restore import repositories, sources, tools, web
from melda.envs.restore.repositories import Mirrors

from tests.fakes.background import Background

AT = Mirrors("https://cran.example", "https://bioconductor.example", "3.16")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
DESCRIPTION = b"Package: pkg\nVersion: 1.0\n"


def entry(kind: str, name: str = "pkg", **source: str) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "source": {"type": kind, **source}}


class Answers(BaseHTTPRequestHandler):
    """Answers as its path says."""

    def do_GET(self) -> None:
        if self.path == "/nonsense":
            self.wfile.write(b"HTTP/1.1 nonsense\r\n\r\n")
        else:  # /SAID/SENT: so many bytes are announced, and so many come
            output, sent = map(int, self.path[1:].split("/"))
            self.send_response(200)
            self.send_header("Content-Length", str(output))
            self.end_headers()
            self.wfile.write(b"x" * sent)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


class Host(Background):
    def __init__(self) -> None:
        listener = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        super().__init__(listener)
        self.url = f"http://127.0.0.1:{listener.server_address[1]}"


def refused(url: str, path: Path, trusted: bool = True) -> str:
    """Why a file cannot be had; nothing of it is left."""
    with pytest.raises(PackageUnavailable) as failed:
        sources.fetch(url, str(path), trusted)
    assert list(path.parent.iterdir()) == []
    return str(failed.value)


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "source"
    with Host() as host:
        assert "ended early" in refused(host.url + "/100/10", path)
        monkeypatch.setattr(sources, "LARGEST", 1 << 20)
        assert "is larger than 1 MB" in refused(f"{host.url}/{2 << 20}/{2 << 20}", path)
        assert "cannot be fetched" in refused(host.url + "/nonsense", path)
        sources.fetch(host.url + "/100/100", str(path), True)
    assert path.read_bytes() == b"x" * 100 and os.listdir(tmp_path) == ["source"]


def test_a_list_that_cannot_be_had_is_empty() -> None:
    with Host() as host:
        assert repositories.text(host.url + "/3/3") == "xxx"
        assert repositories.text(host.url + "/nonsense") == ""
    assert repositories.text(host.url + "/3/3") == "" == repositories.text("no address")


def rscript(folder: Path, text: str) -> dict[str, str]:
    """An Rscript of this text, and the variables with it on PATH."""
    folder.mkdir(exist_ok=True)
    (folder / "Rscript").write_text("#!/bin/sh\n" + text)
    (folder / "Rscript").chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


@pytest.mark.parametrize(("said", "release"), [("3.16", "3.16"), ("Error in try: no release", "")])
def test_where_this_images_r_looks(tmp_path: Path, said: str, release: str) -> None:
    env = rscript(tmp_path, f"echo a warning\nprintf '\\n@@\\n@@https://cran/\\n@@https://bioc/\\n@@{said}'\n")
    assert repositories.mirrors(env) == Mirrors("https://cran", "https://bioc", release)


@pytest.mark.parametrize("text", ["echo 'Fatal error: no R home'; exit 2\n", "echo 'Fatal error: no R home'\n"])
def test_r_that_does_not_start_says_why(tmp_path: Path, text: str) -> None:
    with pytest.raises(PackageUnavailable, match=r"^R does not start: Fatal error: no R home$"):
        repositories.mirrors(rscript(tmp_path, text))


@pytest.mark.parametrize(
    ("wanted", "url"),
    [
        (entry("gitlab", owner="ada", repository="x", commit=COMMIT),
         f"https://gitlab.com/api/v4/projects/ada%2Fx/repository/archive.tar.gz?sha={COMMIT}"),
        (entry("gitlab", host="git.example.org", owner="ada", repository="x", commit=COMMIT),
         f"https://git.example.org/api/v4/projects/ada%2Fx/repository/archive.tar.gz?sha={COMMIT}"),
        (entry("bitbucket", owner="ada", repository="x", commit=COMMIT), f"https://bitbucket.org/ada/x/get/{COMMIT}.tar.gz"),
        (entry("github", host="git.example.org/api/v3", owner="ada", repository="x", commit=COMMIT),
         f"https://git.example.org/api/v3/repos/ada/x/tarball/{COMMIT}"),
        (entry("url", url="https://example.org/pkg.tar.gz"), "https://example.org/pkg.tar.gz"),
    ],
)  # fmt: skip
def test_what_is_not_from_a_mirror_has_one_address_that_is_not_trusted(wanted: dict[str, Any], url: str) -> None:
    assert repositories.places(wanted, AT) == [(url, False)]


def test_bioconductors_captured_release_is_asked_and_without_any_release_only_cran() -> None:
    old = [url for url, _ in repositories.places(entry("bioconductor", release="3.10"), AT)]
    assert old[0] == "https://bioconductor.example/packages/3.10/bioc/src/contrib/pkg_1.0.tar.gz"
    assert old[-1] == "https://cran.example/src/contrib/Archive/pkg/pkg_1.0.tar.gz"
    none = [url for url, _ in repositories.places(entry("bioconductor"), AT._replace(release=""))]
    assert none == [url for url, _ in repositories.places(entry("cran"), AT._replace(release=""))]


def test_bioconductor_is_asked_for_what_cran_has_not_and_a_repository_of_the_file_only_if_allowed() -> None:
    found = [url for url, _ in repositories.places(entry("cran"), AT)]
    assert found[0].startswith("https://cran.example/") and found[2].startswith(
        "https://bioconductor.example/packages/3.16/bioc/"
    )
    other = entry("cran", repository="https://ada.r-universe.example")
    assert repositories.places(other, AT) == repositories.places(entry("cran"), AT)
    assert repositories.places(other, AT._replace(others=True))[0] == (
        "https://ada.r-universe.example/src/contrib/pkg_1.0.tar.gz", False
    )  # fmt: skip
    inner = entry("cran", repository="https://169.254.169.254")
    with pytest.raises(UsageError, match="not in the web"):
        repositories.places(inner, AT._replace(others=True))


@pytest.mark.parametrize(
    ("url", "heading"),
    [
        ("https://api.github.com/repos/a/b/tarball/c", {"Authorization": "Bearer S3cret_g"}),
        ("https://github.com/a/b/archive/c.tar.gz", {"Authorization": "Bearer S3cret_g"}),
        ("https://gitlab.com/api/v4/projects/a%2Fb", {"PRIVATE-TOKEN": "S3cret_l"}), ("https://github.com.evil.example/a", {}),
        ("https://api.github.com:8443/a", {}), ("https://user@api.github.com/a", {}), ("https://gitlab.example.com/a", {}),
    ],
)  # fmt: skip
def test_a_key_goes_to_its_host_alone(url: str, heading: dict[str, str]) -> None:
    env = {"GITHUB_PAT": "S3cret_g", "GITLAB_PAT": "S3cret_l"}
    assert repositories.key(url, env) == heading
    assert repositories.key(url, {"GITHUB_PAT": "a\r\nHost: x", "GITLAB_PAT": ""}) == {}


def tarball(path: Path, *members: tuple[str, bytes | None, int]) -> None:
    """A source of files, and of folders, which have no content."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content, mode in members:
            member = tarfile.TarInfo(name)
            member.mode = mode
            member.type, member.size = (tarfile.DIRTYPE, 0) if content is None else (tarfile.REGTYPE, len(content))
            archive.addfile(member, io.BytesIO(content or b""))


def test_a_source_keeps_its_folders_and_what_may_be_executed(tmp_path: Path) -> None:
    tarball(tmp_path / "x", ("pkg", None, 0o700), ("pkg/configure", b"#!", 0o4777), ("pkg/R/a.R", b"", 0o600))
    top = Path(sources.unpack(str(tmp_path / "x"), str(tmp_path / "in")))
    assert [oct((top / name).stat().st_mode & 0o7777) for name in ("configure", "R/a.R")] == ["0o755", "0o644"]


@pytest.mark.parametrize("tops", [("a", "b"), ()])
def test_what_is_not_of_one_package_is_no_source(tmp_path: Path, tops: tuple[str, ...]) -> None:
    tarball(tmp_path / "x", ("README", b"", 0o644), *((top, None, 0o755) for top in tops))
    with pytest.raises(PackageUnavailable, match="no source of one package"):
        sources.unpack(str(tmp_path / "x"), str(tmp_path / "in"))


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_a_source_that_was_damaged_on_its_way_is_no_source(tmp_path: Path, compression: str) -> None:
    """Whatever its compression says of it: this package cannot be had, and the others can."""
    with tarfile.open(tmp_path / "x", f"w:{compression}") as archive:  # type: ignore[call-overload]
        for name, content in (
            ("pkg/DESCRIPTION", DESCRIPTION),
            ("pkg/data", random.Random(1).randbytes(9999).hex().encode()),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    whole = (tmp_path / "x").read_bytes()
    middle = len(whole) // 2
    for damaged in (whole[:middle], whole[:middle] + b"\xff" * 64 + whole[middle + 64 :]):
        (tmp_path / "x").write_bytes(damaged)
        with pytest.raises(PackageUnavailable, match="what was fetched is no source: "):
            sources.unpack(str(tmp_path / "x"), str(tmp_path / "in"))


def test_what_has_no_description_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(PackageUnavailable, match="no R package"):
        sources.fields(str(tmp_path), entry("url"))


def test_what_came_from_a_mirror_is_noted_nowhere(tmp_path: Path) -> None:
    (tmp_path / "DESCRIPTION").write_bytes(DESCRIPTION)
    sources.note_remote(str(tmp_path), {"type": "cran", "repository": "CRAN"})
    assert (tmp_path / "DESCRIPTION").read_bytes() == DESCRIPTION


class TestGit:
    """A real git, and a repository in a folder."""

    @pytest.fixture
    def repository(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, dict[str, str]]:
        """Its address, its commit, and the variables that lead git from that address to the folder."""
        folder = tmp_path / "repository"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "DESCRIPTION").write_bytes(DESCRIPTION)
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}

        def git(*arguments: str) -> str:
            command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
            return subprocess.run(command, check=True, capture_output=True, encoding="utf-8", env=env).stdout.strip()

        git("init", "--quiet")
        git("add", ".")
        git("commit", "--quiet", "--message", "one")
        url = "https://git.example.org/pkg"
        (tmp_path / ".gitconfig").write_text(f'[url "file://{folder}"]\n\tinsteadOf = {url}\n')
        # In place of the network's protocols, which git is told to keep to, a folder's.
        run = tools.run

        def local(command: list[str], given: dict[str, str]) -> tools.Done:
            assert given["GIT_ALLOW_PROTOCOL"] == "https:ssh"
            return run(command, {**given, "GIT_ALLOW_PROTOCOL": "file"})

        monkeypatch.setattr(tools, "run", local)
        monkeypatch.setattr(web, "resolved", lambda host, port: [(2, ("1.1.1.1", port))])
        return url, git("rev-parse", "HEAD"), env

    def test_the_commit_is_had_without_gits_own_folder(self, tmp_path: Path, repository: Any) -> None:
        url, commit, env = repository
        (tmp_path / "in").mkdir()
        wanted = entry("git", url=url, commit=commit, subdirectory="sub")
        top, found = sources.get(wanted, AT, str(tmp_path / "in"), env)
        assert (Path(top), found["Version"]) == (tmp_path / "in" / "source" / "sub", "1.0")
        assert f"RemoteSha: {commit}\n" in (Path(top) / "DESCRIPTION").read_text()
        assert not (tmp_path / "in" / "source" / ".git").exists()

    def test_a_commit_that_is_not_there_is_gits_to_say(self, tmp_path: Path, repository: Any) -> None:
        url, _, env = repository
        (tmp_path / "in").mkdir()
        with pytest.raises(PackageUnavailable, match=r"^git: (fatal|error): "):
            sources.get(entry("git", url=url, commit=COMMIT), AT, str(tmp_path / "in"), env)

    @pytest.mark.parametrize(
        ("source", "words"), [({}, "it names no commit"), ({"url": "https://localhost/x"}, "is not in the web")]
    )
    def test_what_names_no_commit_or_a_place_that_may_not_be_asked(
        self, tmp_path: Path, source: dict[str, str], words: str
    ) -> None:
        wanted = entry("git", **{"url": "https://example.org/x", **source})
        with pytest.raises(PackageUnavailable, match=words):
            sources.get(wanted, AT, str(tmp_path), {})


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(url: str, path: str, trusted: bool) -> None:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(sources, "fetch", full)
    with pytest.raises(PackageUnavailable, match=r"/archive: No space left on device$"):
        sources.get(entry("cran"), AT, str(tmp_path), {})
