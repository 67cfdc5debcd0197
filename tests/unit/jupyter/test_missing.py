"""An import that fails because its package is still carried over, or could not be, says so; nothing else changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CODE = """\
import importlib.util, sys
sys.path.insert(0, {files!r})
import melda_plugins
melda_plugins.MISSING = {missing!r}
sys.meta_path.append(melda_plugins.Missing)
try:
    {statement}
except BaseException as error:
    print(type(error).__name__, error, getattr(error, "name", ""), sep="|")
"""


@pytest.mark.parametrize(
    ("statement", "output"),
    [
        ("import zebra", "ModuleNotFoundError|No module named 'zebra' (zebra: it is coming)|zebra"),
        ("from zebra.fur import x", "ModuleNotFoundError|No module named 'zebra' (zebra: it is coming)|zebra"),
        ("import PIL", "ModuleNotFoundError|No module named 'PIL' (pillow: failed)|PIL"),
        ("import two_words", "ModuleNotFoundError|No module named 'two_words' (two-words: failed)|two_words"),
        ("__import__('zebra')", "ModuleNotFoundError|No module named 'zebra' (zebra: it is coming)|zebra"),
        ("import yak", "ModuleNotFoundError|No module named 'yak'|yak"),
        ("import xts", "ModuleNotFoundError|No module named 'xts'|xts"),
        ("import json.zebra", "ModuleNotFoundError|No module named 'json.zebra'|json.zebra"),
        ("print(importlib.util.find_spec('zebra'))", "None"),
    ],
)
def test_what_an_import_says(tmp_path: Path, statement: str, output: str) -> None:
    missing = tmp_path / "missing"
    missing.write_text(
        "python\tzebra\tit is coming\npython\tpillow\tfailed\npython\ttwo-words\tfailed\nr\txts\tfailed\nx\n"
    )
    code = CODE.format(files=str(ROOT / "files" / "jupyter"), missing=str(missing), statement=statement)
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == output


@pytest.mark.parametrize("kind", ["none", "folder", "binary"])
def test_whatever_lies_there(tmp_path: Path, kind: str) -> None:
    missing = tmp_path / "missing"
    if kind == "folder":
        missing.mkdir()
    elif kind == "binary":
        missing.write_bytes(bytes(range(256)) * 100)
    code = CODE.format(files=str(ROOT / "files" / "jupyter"), missing=str(missing), statement="import zebra")
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ModuleNotFoundError|No module named 'zebra'|zebra"
