"""What is wrong with a command line is one line, in the form of all errors, and exit code 2."""

from __future__ import annotations

import argparse

import pytest
from melda.base import arguments
from melda.envs import cli
from melda.versions import get_versions

import builder.__main__
import builder.refresh
import deployments.ecs.__main__


@pytest.mark.parametrize(
    ("parser", "given", "said"),
    [
        (cli.parser, "bogus", "melda-env: invalid COMMAND='bogus': expected one of capture, diff, "),
        (cli.parser, "", "melda-env: invalid request: expected COMMAND"),
        (
            cli.parser,
            "capture --format foo",
            "melda-env capture: invalid --format='foo': expected one of conda, json, ",
        ),
        (cli.parser, "diff", "melda-env diff: invalid request: expected A"),
        (cli.parser, "restore x --from-project", "melda-env restore: invalid --from-project: expected a value"),
        (cli.parser, "back P1 \x1b[31m", "melda-env: invalid '?[31m': expected what --help lists"),
        (cli.parser, "history --json=1", "melda-env history: invalid --json: ignored explicit argument '1'"),
        (builder.__main__.parser, "bogus", "python -m builder: invalid command='bogus': expected one of up, image, "),
        (builder.__main__.parser, "image --bogus", "python -m builder: invalid '--bogus': expected what --help lists"),
        (builder.refresh.parser, "--count x", "python -m builder.refresh: invalid --count='x': expected "),
        (deployments.ecs.__main__.parser, "", "python -m deployments.ecs: invalid request: expected --image, --region"),
    ],
)
def test_one_line_says_what_was_expected(
    parser: type[argparse.ArgumentParser], given: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(given.split())
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said), line


def test_get_versions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["get-versions", "--bogus"])
    with pytest.raises(SystemExit) as ended:
        get_versions.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "get-versions: invalid '--bogus': expected what --help lists\n"


def test_what_is_not_known_is_said_as_it_is() -> None:
    assert arguments.one_line("something\nelse") == "invalid request: something?else"
