"""melda-env: the command line."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
import tempfile
from typing import Callable, List, Optional, Sequence

from melda.base import release, textfiles
from melda.base.addresses import hide
from melda.base.arguments import Parser
from melda.base.errors import ConfigError
from melda.config import environ
from melda.envs import Json, capture, diff, document, entries, formats
from melda.envs import as_user as user
from melda.envs.capture import copies, kernels, pack
from melda.envs.errors import UsageError
from melda.envs.restore import progress
from melda.plugins import image_record, state

DIFFERS = 1
REFUSED = 2
# What a library may print is no answer of ours.
DESCRIPTION = "Write down what is installed beyond the image, compare it, and make it again in another container."


def as_user(place: environ.ImageLayout) -> None:
    """Where root called it, run it as the notebook's user, and end with its exit code."""
    if os.geteuid() == 0 and place.user.uid != 0:
        raise SystemExit(user.run(place, user.program(place)))


def _write(path: str, text: str, again: bool = False) -> None:
    """Write a file, or standard output; ``again``: a start goes by its time (sync/snapshot_check.py), so also what is there."""
    if path == "-":
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()
        return
    try:
        (textfiles.replace if again else textfiles.write_if_changed)(os.path.abspath(path), text)
    except OSError as error:
        raise UsageError(f"{path!r} cannot be written: {error.strerror}") from None


def do_capture(place: environ.ImageLayout, asked: argparse.Namespace) -> int:
    """melda-env capture."""
    path = asked.file or os.path.join(place.workdir, formats.WRITTEN[asked.format])
    found = capture.inspect(place)
    text_of = formats.WRITERS[asked.format]
    if asked.attached:
        runtime = os.path.join(place.user.home, ".local", "share", "jupyter", "runtime")
        with tempfile.TemporaryDirectory(prefix="melda-env-") as folder:
            found.document["kernels"] = kernels.find(found.python, runtime, folder)
    kept: List[str] = []
    ours = asked.format == "json" and os.path.abspath(path) == copies.newest(place.workdir)[1]
    with copies.alone():
        if ours:
            _note_manifest(place, found.document)
        if os.path.abspath(path) in copies.newest(place.workdir) and asked.format == "json":
            _keep_former(path, found.document)
        if path != "-" and asked.format == "json" and asked.files:
            kept, failures = pack.keep(found, path + pack.ENDING)
            for name, reason in failures.items():
                sys.stderr.write(f"melda-env: no copy of {name} can be kept: {reason}\n")
        finished, told = entries.checked(found.document)
        for what in dict.fromkeys([*found.left_out, *told]):
            sys.stderr.write(f"melda-env: left out, as it looks like an address with a secret: of {what}\n")
        _write(path, text_of(finished), again=ours)
        copies.clean_all(place.workdir)
    if path != "-":
        _say_captured(path, finished, kept, asked.json)
    return 0


def _note_manifest(place: environ.ImageLayout, found: Json) -> None:
    """Note the number that stands for this image, if the project does not know it: here it is computed already."""
    if os.path.lexists(state.INTERRUPTED):
        return  # the container stops: the snapshot has a few seconds
    with contextlib.suppress(OSError):
        record = image_record.read(place.workdir)
        last = record.last
        if last and not last.manifest and image_record.same(last, image_record.here(place)):
            image_record.write(place.workdir, last._replace(manifest=found["system"]["image"]), record)


def _keep_former(path: str, found: Json) -> None:
    try:
        copies.keep_former(path, found)
    except OSError as error:
        raise UsageError(f"{path!r} is of another Python or R and cannot be kept: {error.strerror}") from None


def _say_captured(path: str, found: Json, kept: Sequence[str], as_json: bool) -> None:
    counts = {kind: len(found[kind]["packages"]) for kind in ("python", "r")}
    kernels_asked = [kernel for kernel in found.get("kernels", []) if kernel["asked"]]
    if as_json:
        answer = {"file": path, **counts, "files": list(kept), "kernels": len(kernels_asked)}
        sys.stdout.write(json.dumps(answer) + "\n")
        return
    lines = ["{0}: {1} Python and {2} R packages beyond the image".format(path, counts["python"], counts["r"])]
    lines += [
        "without its whole address: {0} {1}: {2}".format(entry["name"], entry["version"], reason)
        for kind in ("python", "r")
        for entry in found[kind]["packages"]
        for reason in [entries.lost(entry)]
        if reason
    ]
    lines += [f"kept beside it, as it can be had nowhere else: {name}" for name in kept]
    lines += [
        "not asked, as it computes: {0}".format(k["notebook"]) for k in found.get("kernels", []) if not k["asked"]
    ]
    sys.stdout.write("".join(line + "\n" for line in lines))


def do_diff(place: environ.ImageLayout, asked: argparse.Namespace) -> int:
    """melda-env diff."""
    before = formats.read(asked.a)
    after = formats.read(asked.b) if asked.b else capture.capture(place)
    changes = diff.compare(before, after, asked.all)
    problems = [*before.get(document.PROBLEMS, []), *after.get(document.PROBLEMS, [])]
    for one in problems:
        sys.stderr.write(
            "melda-env: not compared: {0}: {1}\n".format(
                *(progress.printable(one[name]) for name in ("name", "reason"))
            )
        )
    if asked.json:
        sys.stdout.write(json.dumps([change._asdict() for change in changes], indent=1) + "\n")
    else:
        sys.stdout.write("".join(change.line() + "\n" for change in changes))
    return DIFFERS if changes or problems else 0


def _later(module: str, name: str) -> Callable[[environ.ImageLayout, argparse.Namespace], int]:
    """Return a command of a module that takes a while to load; capture, which runs when a container stops, need not wait."""
    return lambda place, asked: int(getattr(importlib.import_module("melda.envs." + module), name)(place, asked))


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = Parser(prog="melda-env", description=DESCRIPTION)
    top.add_argument("--version", action="version", version=release.title())
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    one = commands.add_parser("capture", help="write down what is installed beyond the image")
    one.add_argument("file", nargs="?", metavar="FILE", help="where to; - is standard output; default: in the project")
    one.add_argument("--attached", action="store_true", help="ask running kernels, too, what they have loaded")
    one.add_argument(
        "--format", choices=sorted(formats.WRITTEN), default="json",
        help="json (default) says everything; the others are read by pip, renv and conda",
    )  # fmt: skip
    one.add_argument(
        "--no-files", dest="files", action="store_false",
        help="do not keep beside FILE what came from a local file and can be had nowhere else",
    )  # fmt: skip
    one.add_argument("--json", action="store_true", help="say as JSON what was written")
    one.set_defaults(do=do_capture)

    two = commands.add_parser("diff", help="say what differs; exit code 1 if anything does")
    two.add_argument("a", metavar="A", help="a capture, or another file that restore takes")
    two.add_argument("b", metavar="B", nargs="?", help="another; default: this container")
    two.add_argument("--all", action="store_true", help="also what is the image's")
    two.add_argument("--json", action="store_true", help="as JSON")
    two.set_defaults(do=do_diff)

    three = commands.add_parser("restore", help="install what a file says, at the same versions")
    three.add_argument(
        "file", nargs="?", metavar="FILE",
        help="a capture, or what pip, uv, Poetry, Pipenv, conda, renv, packrat or sessionInfo() write; - is standard input",
    )  # fmt: skip
    three.add_argument("--from-project", metavar="FOLDER", help="take FOLDER/environment.json, of another project")
    three.add_argument("--attached", action="store_true", help="only what its notebooks had loaded")
    three.add_argument("--allow-version-change", action="store_true", help="go on with another version of Python or R")
    three.add_argument("--prune", action="store_true", help="remove packages beyond the image that FILE does not name")
    three.add_argument(
        "--allow-repositories", action="store_true", help="ask the repositories of R packages, too, that FILE names"
    )
    three.add_argument("--dry-run", action="store_true", help="say what would be done")
    three.add_argument("--json", action="store_true", help="end with a summary as JSON")
    three.set_defaults(do=_later("restore.command", "run"))
    four = commands.add_parser("upgrade", help="carry over what the project had with another Python or R")
    four.add_argument("--json", action="store_true", help="end with a summary as JSON")
    four.set_defaults(do=_later("upgrade.command", "by_hand"))

    five = commands.add_parser("history", help="list what was installed when, as far as the bucket keeps it")
    five.add_argument("--json", action="store_true", help="as JSON")
    five.set_defaults(do=_later("going_back", "do_history"))

    six = commands.add_parser("back", help="make the Python or R packages what they were in a generation")
    six.add_argument("number", metavar="N", help="of the generation, as history lists it, such as P3 or R1")
    six.set_defaults(do=_later("going_back", "do_back"))
    return top


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run a command.

    Returns:
        0: done; nothing differs. 1: something differs; some packages cannot be had. 2: the request is invalid.
    """
    asked = parser().parse_args(arguments)
    try:
        place = environ.image_layout(environ.load())
        as_user(place)
        user.go_on(place)
        code: int = asked.do(place, asked)
        sys.stdout.flush()  # here: at the end of Python nobody would be told in our words that the reader is gone
        return code
    except ConfigError as error:
        # Names in the text may be a file's: on a terminal they do nothing but to be read.
        output = "".join(char if char.isprintable() else "?" for char in hide(str(error)))
        sys.stderr.write(f"melda-env: {output}\n")
        return REFUSED
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("melda-env: interrupted; run it again, and it finishes\n")
        return 130
