"""TOML, YAML and INI of which one line may be broken: that line costs itself, and what it belongs to."""

from __future__ import annotations

import configparser
import difflib
import re
from typing import Any, Callable, Dict, Iterable, List, Sequence, Tuple

from melda.envs import Json
from melda.envs.errors import Unusable, UsageError
from melda.envs.formats import toml_inline
from melda.envs.formats.reading import Reading

ODD = re.compile("[^\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what YAML does not allow
DEEP = re.compile(r"([\[{]\s{0,9}){50}|^[ \t?:-]{500}", re.MULTILINE)
# libyaml is several times as fast, and ends the process where a text is nested too deep.
STEEP, OPENED, MOST_OPENED = re.compile(r"^[ \t?:-]{100}", re.MULTILINE), re.compile(r"[\[{](?!\s*[\]}])"), 200
KEY = re.compile(r"[\s\"']*(?:-\s+[\"']?)?([A-Za-z][\w.-]*)[\"']?\s*[:=]")
QUOTED = re.compile(r"'(?!<)[^']{2,}'")
ALIKE = 0.8
MOST_BROKEN = 40  # lines


def table(value: object) -> Json:
    """``value``, if it is a table.

    Raises:
        Unusable: it is none.
    """
    if not isinstance(value, dict):
        raise Unusable("expected a table")
    return value


def each(reading: Reading, items: Iterable[Tuple[str, Any]], read: Callable[[str, Any], None]) -> None:
    """Read what has names, one by one; what is wrong with one costs it alone."""
    for name, one in items:
        try:
            read(name, one)
            continue
        except Unusable as error:
            why = str(error)
        except Exception as error:  # of whatever shape a field has that is not what the format says
            why = f"it is not understood: {error!r:.200}"
        reading.bad("python", name, why, str(one.get("version", "")) if isinstance(one, dict) else "")


def inside(found: Any, *at: str) -> Json:
    """Return the table that stands in tables below these keys; empty if none does."""
    for key in at:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def many(value: Any) -> List[Any]:
    """Return a list, also of one thing alone; empty if there is nothing."""
    return value if isinstance(value, list) else [] if value is None else [value]


def named(listed: Sequence[Any], field: str) -> List[Tuple[str, Any]]:
    """Return each with the name that it has in a field; what has none is called by its number."""
    return [(str(inside(one).get(field) or f"entry {number}"), one) for number, one in enumerate(listed, 1)]


def part(found: Any, at: Sequence[str], reading: Reading, shape: type = dict) -> Any:
    """Return the table, or the list, that stands in tables; empty if none does, and said if something else does.

    Args:
        found: the outermost table.
        at: keys to it, from the outermost on.
        reading: is told.
        shape: what it is to be.
    """
    found = inside(found, *at[:-1]).get(at[-1])
    if found is not None and not isinstance(found, shape):
        reading.bad("python", at[-1], "expected a {0}".format("table" if shape is dict else "list"))
    return found if isinstance(found, shape) else shape()


def misspelt(found: Any, wanted: Sequence[str], reading: Reading, known: Sequence[str] = ()) -> None:
    """Say of a key that is nearly the one that is read, and stands where that is not: below it stand packages.

    Args:
        found: the table.
        wanted: keys to what is read, from the outermost on.
        reading: is told.
        known: other keys that are no mistakes.
    """
    for key in wanted:
        if not isinstance(found, dict):
            return
        for near in found:
            same = difflib.SequenceMatcher(None, key, str(near).lower()).ratio()
            if same >= ALIKE and near not in (key, *known):
                reading.bad("python", str(near), f"no heading that is read: expected {key!r}")
        found = found.get(key)


def _key(line: str, number: int) -> str:
    """Return what a line may be called: what stands behind its key may be a password."""
    found = KEY.match(line)
    return found.group(1) if found else f"line {number}"


def _why(error: Exception) -> str:
    """Return what is wrong, without what a library shows of the line."""
    if isinstance(error, configparser.Error):
        return "no OPTION = VALUE below a [SECTION]"
    return QUOTED.sub("a word", " ".join(str(getattr(error, "problem", None) or error).split()))[:100]


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
            reading.bad("python", _key(lines[number - 1], number), f"line {number}: no {kind}: {_why(error)}")
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

    found: Json
    told = reading.problems
    try:
        library.loads(text)
    except (ValueError, RecursionError):
        text = toml_inline.joined(text)
    try:
        found = _by_line(text, reading, "TOML", library.loads, at)
    except UsageError as error:
        reading.problems = told
        found = _by_block(text, reading, library.loads)
        if not found:
            raise
        reading.bad("python", "lock", f"{error}: each of its tables is read by itself")
    return found


def _by_block(text: str, reading: Reading, load: Callable[[str], Json]) -> Json:
    """Return the tables of a text that cannot be read as a whole, each by itself."""
    found: Json = {}
    for block in re.split(r"^(?=\[\[)", text, flags=re.MULTILINE):
        try:
            tables = load(block)
        except (ValueError, RecursionError) as error:
            named = re.search(r"^name\s*=\s*\"([^\"\n]+)", block, re.MULTILINE)
            if named:
                reading.bad("python", named.group(1), f"no TOML: {error}"[:100])
            continue
        for name, value in tables.items():
            there = found.setdefault(name, [] if isinstance(value, list) else value)
            if isinstance(there, list) and isinstance(value, list):
                there += value
    return found


def ini(text: str, reading: Reading) -> Dict[str, Dict[str, str]]:
    """Return the sections of a text.

    Raises:
        UsageError: it is none at all.
    """

    def at(error: Exception) -> int:
        errors = getattr(error, "errors", None)
        return int(errors[0][0]) if errors else int(getattr(error, "lineno", None) or 1)

    twice: List[str] = []

    class Options(Dict[str, Any]):
        """Of an option that is there twice, as after a merge, what both say: each value is a list of lines at first.

        https://docs.python.org/3/library/configparser.html#customizing-parser-behaviour
        """

        def __setitem__(self, name: str, value: Any) -> None:
            if isinstance(value, list) and isinstance(self.get(name), list):
                twice.append(name)
                self[name].extend(value)
            else:
                super().__setitem__(name, value)

    def load(given: str) -> Dict[str, Dict[str, str]]:
        twice.clear()
        parser = configparser.RawConfigParser(dict_type=Options, strict=False)
        parser.read_string(given)
        return {name: dict(parser.items(name)) for name in parser.sections()}

    found: Dict[str, Dict[str, str]] = _by_line(text, reading, "INI", load, at)
    for name in twice:
        reading.say(f"{name} stands twice: what both say is read")
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
        if DEEP.search(given):
            raise RecursionError
        if re.search(r"(^|[\s\[,])[&*]\w", given):  # aliases may grow without end
            given = re.sub(r"(^|[\s\[,])(\*\w+)", r'\1"\2"', re.sub(r"(^|[\s\[,])(&\w+)", r"\1", given))
        kinds = [library.SafeLoader]
        if hasattr(library, "CSafeLoader") and not STEEP.search(given) and len(OPENED.findall(given)) < MOST_OPENED:
            kinds.insert(0, library.CSafeLoader)
        for kind in kinds:
            twice.clear()
            try:
                return library.load(given, Loader=_strings(kind, library, twice))  # noqa: S506 # nosec B506 a SafeLoader
            except library.YAMLError:
                if kind is library.SafeLoader:  # what it says of the error is known here
                    raise
        return None

    twice: List[int] = []
    text = ODD.sub("\ufffd", text.replace("\t", "  "))
    found = _by_line(text, reading, "YAML", load, at)
    for number in twice:
        key = _key(text.split("\n")[number - 1], number)
        reading.bad("python", key, f"line {number}: a name that stands there already: what it said at first is taken")
    return found


def _strings(kind: Any, library: Any, twice: List[int]) -> Any:
    """Return a loader to which 3.10 is no number, and which notes lines of keys that are there already: YAML has each once."""

    class Loader(kind):  # type: ignore[misc, unused-ignore]
        yaml_implicit_resolvers: Dict[str, Any] = {}

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            kept: Json = {}
            again: List[int] = []
            for key, value in node.value:
                name = key.value if isinstance(key, library.ScalarNode) else f"line {key.start_mark.line + 1}"
                if kept.setdefault(name, (key, value))[0] is not key:
                    again.append(key.start_mark.line + 1)
            twice.extend(again[:1])  # where one mark of a list is missing, all keys below it are such
            node.value = list(kept.values())
            return super().construct_mapping(node, deep)

    return Loader
