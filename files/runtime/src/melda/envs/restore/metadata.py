"""What the distributions that a notebook sees say of themselves: their versions, and what each needs."""

from __future__ import annotations

import glob
import os
import re
from typing import Dict, List, NamedTuple, Sequence

from melda.base import regular_files
from melda.versions.libraries import normal

FIELD = re.compile(r"^(Name|Version|Requires-Dist):(.*)$", re.MULTILINE)
LARGEST = 1 << 20  # bytes; a long description stands after what is needed


class Stated(NamedTuple):
    """What distributions state, by name: the version, and requirements."""

    versions: Dict[str, str]
    needs: Dict[str, List[str]]


def read(folders: Sequence[str]) -> Stated:
    """Read the distributions in these folders of packages; those in the last one win."""
    found = Stated({}, {})
    for path in [path for folder in folders for path in glob.glob(f"{folder}/*.dist-info")]:
        try:
            text = regular_files.head(os.path.join(path, "METADATA"), LARGEST).decode("utf-8", "replace")
        except OSError:
            continue
        fields = FIELD.findall(text.partition("\n\n")[0])
        about = dict(reversed(fields))
        name = normal(about.get("Name", "").strip())
        found.versions[name] = about.get("Version", "").strip()
        found.needs[name] = [value.strip() for field, value in fields if field == "Requires-Dist"]
    return found
