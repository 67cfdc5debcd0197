"""melda_units, which lies where only a machine gets it from."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "files/units/program"))
