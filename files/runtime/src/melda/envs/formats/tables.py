"""TOML, YAML and JSON of which one line may be broken: that line costs itself, and what it belongs to."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, Iterator, Tuple

from melda.envs import document
from melda.envs.errors import Unusable, UsageError
from melda.envs.formats.reading import Reading

Json = Dict[str, Any]
ODD = re.compile("[^\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what YAML does not allow
MOST_BROKEN = 40  # lines
MOST_TRIED = 20_000  # places where an object may begin


def table(value: object) -> Json:
    """``value``, if it is a table.

    Raises:
        Unusable: it is none.
    """
    if not isinstance(value, dict):
        raise Unusable("expected a table")
    return value


def _by_line(text: str, reading: Reading, kind: str, load: Callable[[str], Any], at: Callable[[Exception], int]) -> Any:
    """Return what ``load`` makes of a text, without the lines that it complains of."""
    lines = text.split("\n")
    for _ in range(MOST_BROKEN):
        try:
            return load("\n".join(lines))
        except RecursionError:
            break
        except Exception as error:
            number = min(max(at(error), 1), len(lines))
            while number > 1 and not lines[number - 1].strip():
                number -= 1
            if not lines[number - 1].strip():
                break
            reading.bad(
                "python", lines[number - 1].strip(), f"line {number}: no {kind}: {' '.join(str(error).split())[:100]}"
            )
            lines[number - 1] = ""
    raise UsageError(f"invalid {reading.path!r}: no {kind}")


def toml(text: str, reading: Reading) -> Json:
    """Return the tables of a text.

    Raises:
        UsageError: it is none at all.
    """
    try:
        import tomllib as library  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 Python 3.11  # novm
    except ImportError:
        import tomli as library  # type: ignore[import-not-found, no-redef, unused-ignore]  # noqa: PLC0415 brought by JupyterLab

    def at(error: Exception) -> int:
        found = re.search(r"at line (\d+)", str(error))
        return int(found.group(1)) if found else len(text)

    found: Json = _by_line(text, reading, "TOML", library.loads, at)
    return found


def yaml(text: str, reading: Reading) -> Any:
    """Return what a text says.

    Raises:
        UsageError: it is none at all.
    """
    import yaml as library  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 brought by Jupyter

    def at(error: Exception) -> int:
        mark = getattr(error, "problem_mark", None)
        return mark.line + 1 if mark else 1

    def load(given: str) -> Any:
        if re.search(r"(^|[\s\[,])[&*]\w", given):  # aliases may grow without end
            given = re.sub(r"(^|[\s\[,])([&*]\w+)", r"\1", given)
        return library.load(given, Loader=_strings(library))  # noqa: S506 # nosec B506 a SafeLoader

    return _by_line(ODD.sub("\ufffd", text.replace("\t", "  ")), reading, "YAML", load, at)


def _strings(library: Any) -> Any:
    """Return a loader to which 3.10 is no number."""

    class Loader(library.SafeLoader):  # type: ignore[misc, unused-ignore]
        yaml_implicit_resolvers: Dict[str, Any] = {}

    return Loader


def objects(text: str) -> Iterator[Tuple[str, Json]]:
    """Yield each object of a broken JSON that is whole, the outermost first, with the name before it."""
    decoder, at = json.JSONDecoder(), 0
    for _ in range(MOST_TRIED):
        at = text.find("{", at)
        if at < 0:
            return
        name = re.search(r'"([^"\\\n]{1,200})"\s*:\s*$', text[max(0, at - 250) : at])
        try:
            found, at = decoder.raw_decode(text, at)
            yield (name.group(1) if name else "", found)
        except (ValueError, RecursionError):
            at += 1


def load_json(text: str, path: str) -> Tuple[Any, str]:
    """Return what a text says, and if it is no JSON as a whole, the reason."""
    try:
        return document.parse_json(text, path), ""
    except UsageError as error:
        return None, str(error)
