"""``python -m bench``: what ``make bench`` calls."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import uuid
from pathlib import Path

from bench import charts, machine, measured, table
from bench.measured import Measured
from bench.results import Result
from bench.rows import ROWS, Row
from bench.workbench import Workbench, copy
from builder import base as bases
from builder import build_folder, engine, host
from builder.errors import BuildError, Parser, exit_code

HERE = Path(__file__).resolve().parent


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    parsed = Parser(prog="python -m bench", description="Measures side by side.")
    parsed.add_argument("--base", default="debian:bookworm", help="as BASE of the Makefile, or any local image")
    parsed.add_argument("--only", default="", metavar="ROW", help="one of " + ", ".join(row.NAME for row in ROWS))
    parsed.add_argument("--quick", action="store_true", help="one repeat; nothing is written")
    parsed.add_argument(
        "--page", action="store_true", help="measure nothing; write results.md and the charts again from results.json"
    )
    return parsed


def chosen(only: str) -> list[Row]:
    """Return the rows to measure.

    Raises:
        BuildError: there is no row of that name.
    """
    rows = [row for row in ROWS if only in ("", row.NAME)]
    if not rows:
        raise BuildError(f"invalid --only {only}: expected one of {', '.join(row.NAME for row in ROWS)}")
    return rows


def run(arguments: argparse.Namespace) -> list[Result]:
    """Measure, and print the table of what was measured; unless ``--quick``, it replaces these rows."""
    rows = chosen(arguments.only)
    docker = engine.ready()
    engine.check_space(docker, "core")
    base = bases.select(docker, arguments.base)[0]
    base_image = bases.ensure(docker, base)
    made: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory(prefix="melda-bench-") as folder:
        token = f"melda-bench-{uuid.uuid4().hex[:8]}"
        workbench = Workbench(docker, base_image, host.ca_bundle(), copy(Path(folder)), token)
        try:
            for row in rows:
                print(f"{row.NAME}: {row.NOTE.partition(':')[0].lower()}", flush=True)
                facts = machine.facts(docker, base, base_image)
                results = row.measure(workbench, 1 if arguments.quick else row.REPEATS)
                made[row.NAME] = Measured(row.NAME, row.NOTE, facts, results)
                if not arguments.quick:
                    keep(made[row.NAME])
        finally:
            workbench.remove_images()
    print("\n" + table.markdown(list(made.values())), flush=True)
    if arguments.quick:
        print("--quick: the page and the charts are left as they are")
    return [result for row in made.values() for result in row.results]


def keep(row: Measured) -> None:
    """Put a row into ``bench/results.json``, the page and the charts, in the place of its last run."""
    known = {**measured.read(HERE / "results.json"), row.name: row}
    rows = [known[one.NAME] for one in ROWS if one.NAME in known]
    build_folder.write(HERE / "results.json", measured.as_text(rows))
    page(HERE)


def page(folder: Path) -> None:
    """Write ``results.md`` and the charts again from ``results.json``.

    Raises:
        BuildError: there are no results, or they cannot be read. The page and the charts are left as they are.
    """
    file = folder / "results.json"
    try:
        known = measured.read(file)
        rows = [known[one.NAME] for one in ROWS if one.NAME in known]
        text, pictures = table.markdown(rows), charts.all_of(rows)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        why = f"{type(error).__name__}: {error}"
        raise BuildError(f"{file} is not what make bench writes ({why}): take it from git, or measure again") from error
    if not rows:
        raise BuildError(f"{file} has no results: take it from git, or measure with make bench")
    build_folder.write(folder / "results.md", text)
    (folder / "charts").mkdir(exist_ok=True)
    for name, picture in pictures.items():
        build_folder.write(folder / "charts" / name, picture)
    for left in {path.name for path in (folder / "charts").glob("*.svg")} - pictures.keys():
        (folder / "charts" / left).unlink()


def main() -> int:
    """Measure; what a person can mend is one line and exit code 2, a row that does not count is exit code 1."""
    # So that what was made is removed also when the run is ended from outside.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = parser().parse_args()

    def work() -> int:
        if arguments.page:
            page(HERE)
            return 0
        return 1 if any(result.invalid for result in run(arguments)) else 0

    try:
        return exit_code(work)
    except KeyboardInterrupt:
        print("melda-jupyter: interrupted; rows measured to their end are kept", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
