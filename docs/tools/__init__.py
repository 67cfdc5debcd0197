"""What makes the documentation's site: navigation, pages of the sources, the generated reference, checks."""

import sys
from pathlib import Path

import tomllib  # type: ignore[import-not-found]

ROOT = Path(__file__).resolve().parents[2]
# The packages of a container's programs, as the tests find them.
PYTEST = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
sys.path += [str(ROOT / folder) for folder in PYTEST["pythonpath"] if str(ROOT / folder) not in sys.path]
