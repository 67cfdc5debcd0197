"""The commands' options, from their argparse parsers: another Python wraps its --help differently, a table stays."""

from __future__ import annotations

import argparse
import contextlib
import importlib
from collections.abc import Callable, Iterator
from unittest import mock

from melda.envs import cli
from melda.versions import get_versions as versions_get_versions

import builder.__main__
import builder.refresh
import deployments.ecs.__main__
from docs.tools.reference import markdown


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, command in action.choices.items():
                yield helps[name], command


def _rows(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
            continue
        shown = str(action.metavar or action.dest.upper())
        if action.choices:
            shown = "|".join(map(str, action.choices))
        names = " ".join(filter(None, [", ".join(action.option_strings), "" if action.nargs == 0 else shown]))
        means = (action.help or "") % {**vars(action), "prog": parser.prog}
        if not means and isinstance(action.default, str):
            means = f"as {action.dest.upper()} of the Makefile ({action.default or 'empty'})"
        optional = action.nargs == "?" and not action.option_strings
        yield markdown.code(f"[{names}]" if optional else names), means


def shown(parser: argparse.ArgumentParser) -> str:
    """Return a command with its sub-commands: a table of options each."""
    text = f"{markdown.sentence(parser.description or '')}\n\n" if parser.description else ""
    rows = list(_rows(parser))
    if rows:
        text += markdown.table(("option", "means"), rows) + "\n"
    for means, command in _commands(parser):
        text += f"`{command.prog}`: {means}.\n\n"
        rows = list(_rows(command))
        if rows:
            text += markdown.table(("option", "means"), rows) + "\n"
    return text


def _caught(main: Callable[[], int]) -> argparse.ArgumentParser:
    """Return the parser that a program makes within its main function."""
    made: list[argparse.ArgumentParser] = []

    def parse(parser: argparse.ArgumentParser, *_: object) -> argparse.Namespace:
        made.append(parser)
        raise SystemExit(0)

    with mock.patch.object(argparse.ArgumentParser, "parse_args", parse), contextlib.suppress(SystemExit):
        main()
    return made[0]


def melda_env() -> str:
    """Return the command of a container."""
    return shown(cli.parser())


def get_versions() -> str:
    """Return the command of a container."""
    return shown(_caught(versions_get_versions.main))


def builder_() -> str:
    """Return the command that the Makefile calls: its commands, and which of them take which option."""
    commands = list(_commands(builder.__main__.parser()))
    text = markdown.table(("command", "does"), [(markdown.code(command.prog), means) for means, command in commands])
    sharing: dict[tuple[str, str], list[str]] = {}
    for _, command in commands:
        for row in _rows(command):
            sharing.setdefault(row, []).append(command.prog.rpartition(" ")[2])
    names = [command.prog.rpartition(" ")[2] for _, command in commands]
    rows = []
    for row, of in sharing.items():
        others = [name for name in names if name not in of]
        rows.append((*row, ", ".join(of) if len(of) < len(others) else "all but " + " and ".join(others)))
    return f"{text}\n" + markdown.table(("option", "means", "of"), rows)


def refresh() -> str:
    """Return the list of R packages against CRAN's downloads."""
    return shown(builder.refresh.parser())


def ecs() -> str:
    """Return the task definition."""
    return shown(deployments.ecs.__main__.parser())


def bench_() -> str:
    """Return the measurements."""
    return shown(importlib.import_module("bench.__main__").parser())  # imports what has no types
