"""A commit: a forge's archive of it, or git kept to the address that was looked at."""

from __future__ import annotations

from typing import Any

import pytest
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.restore import git, tools, web

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class TestGit:
    """git is told to which address it may connect."""

    @pytest.fixture
    def ran(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
        ran: list[tuple[list[str], dict[str, str]]] = []

        def run(command: list[str], env: dict[str, str]) -> tools.Done:
            ran.append((command, env))
            return tools.Done(0, "git version 2.39.5") if command[1] == "--version" else tools.Done(1, "fatal: over")

        monkeypatch.setattr(tools, "run", run)
        monkeypatch.setattr(
            web, "resolved", lambda host, port: [(2, ("1.1.1.1", port)), (10, ("2606:4700::1", port, 0, 0))]
        )
        return ran

    def options(self, url: str, ran: Any, env: dict[str, str] | None = None, said: str = "git: fatal: over") -> Any:
        with pytest.raises(PackageUnavailable) as failed:
            git.checkout({"url": url, "commit": COMMIT}, "/nowhere", env or {})
        assert str(failed.value) == said
        return git._kept_to(url, env or {})

    def test_https(self, ran: Any) -> None:
        options, env = self.options("https://git.example:8443/x", ran)
        pin = "http.curloptResolve=git.example:8443:1.1.1.1,[2606:4700::1]"
        assert (
            options == ["-c", "http.followRedirects=false", *git.STALLED, "-c", pin]
            and env["GIT_ALLOW_PROTOCOL"] == "https:ssh"
        )

    def test_ssh(self, ran: Any) -> None:
        options, env = self.options("ssh://git.example/x", ran)
        assert (
            "-o HostName=1.1.1.1 -o HostKeyAlias=git.example" in env["GIT_SSH_COMMAND"]
            and env["GIT_TERMINAL_PROMPT"] == "0"
        )

    def test_a_proxy_resolves(self, ran: Any) -> None:
        assert self.options("https://git.example/x", ran, {"https_proxy": "x"})[0] == [
            "-c",
            "http.followRedirects=false",
            *git.STALLED,
        ]

    def test_a_git_that_cannot_be_told_is_not_used(self, ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tools, "run", lambda command, env: tools.Done(0, "git version 2.25.1"))
        with pytest.raises(PackageUnavailable, match=r"git before 2\.37 cannot be kept"):
            git.checkout({"url": "https://git.example/x", "commit": COMMIT}, "/nowhere", {})

    def test_a_name_that_leads_out_of_the_web(self, ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def inner(host: str, port: int) -> Any:
            raise UsageError("it leads to 127.0.0.1")

        monkeypatch.setattr(web, "resolved", inner)
        for url in ("https://git.example/x", "ssh://git.example/x"):
            with pytest.raises(PackageUnavailable, match=r"leads to 127\.0\.0\.1"):
                git.checkout({"url": url, "commit": COMMIT}, "/nowhere", {})
        assert ran == []

    @pytest.mark.parametrize(
        ("source", "said", "asked", "why"),
        [
            ({"commit": COMMIT}, "", [], ""),
            ({"ref": "main"}, f"{COMMIT}\trefs/heads/main\n", ["main"], ""),
            ({}, f"{COMMIT}\tHEAD\n", ["HEAD"], ""),
            ({"ref": "gone"}, "", ["gone"], "git: ssh://git.example/x has no gone"),
            ({"ref": "main"}, None, ["main"], "git: fatal: over"),
        ],
    )
    def test_a_look_asks_the_server_and_fetches_nothing(
        self, source: Any, said: str | None, asked: list[str], why: str, ran: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(command: list[str], env: dict[str, str]) -> tools.Done:
            ran.append((command, env))
            return tools.Done(1, "fatal: over") if said is None else tools.Done(0, said)

        monkeypatch.setattr(tools, "run", run)
        monkeypatch.setattr(git.shutil, "which", lambda name: "/usr/bin/git")
        given = {"url": "ssh://git.example/x", **source}
        if why:
            with pytest.raises(PackageUnavailable) as failed:
                git.look(given, {})
            assert str(failed.value) == why
        else:
            git.look(given, {})
        ((command, env),) = ran
        assert command[-len(asked) - 2 :] == ["--", "ssh://git@git.example/x", *asked] and "ls-remote" in command
        assert "ConnectTimeout=" in env["GIT_SSH_COMMAND"], "a server that does not answer is given up"


@pytest.mark.parametrize(
    ("url", "archive"),
    [
        ("https://github.com/a/b.git", f"https://github.com/a/b/archive/{COMMIT}.tar.gz"),
        ("https://github.com/a/b/", f"https://github.com/a/b/archive/{COMMIT}.tar.gz"),
        ("https://gitlab.com/a/group/b", f"https://gitlab.com/a/group/b/-/archive/{COMMIT}/{COMMIT}.tar.gz"),
        ("https://bitbucket.org/a/b", f"https://bitbucket.org/a/b/get/{COMMIT}.tar.gz"),
        ("https://git.example/a/b", ""), ("https://github.com/a", ""),
        ("ssh://github.com/a/b", f"https://github.com/a/b/archive/{COMMIT}.tar.gz"), ("https://github.com/a", ""),
    ],
)  # fmt: skip
def test_of_a_forge_its_archive_is_fetched(url: str, archive: str) -> None:
    assert git.archive({"url": url, "commit": COMMIT}) == archive
    assert git.archive({"url": url}) == ""
    assert git.archive({"url": url, "ref": "v1.0"}) == archive.replace(COMMIT, "v1.0")
