"""setup.cfg: what a project of setuptools' needs to run.

https://setuptools.pypa.io/en/latest/userguide/declarative_config.html
"""

from __future__ import annotations

import re

from melda.envs.formats import requirements, tables
from melda.envs.formats.reading import Reading

OPTIONS = (
    "zip_safe", "setup_requires", "install_requires", "extras_require", "python_requires", "entry_points", "scripts",
    "eager_resources", "dependency_links", "tests_require", "include_package_data", "packages", "package_dir", "package_data",
    "exclude_package_data", "namespace_packages", "py_modules", "data_files", "test_suite", "test_loader", "platforms",
    "use_2to3",
)  # fmt: skip


def read(reading: Reading, text: str) -> None:
    """Read what the project needs to run; neither its extras nor what its tests need."""
    found = tables.ini(text, reading)
    tables.misspelt(
        found, ("options", "install_requires"), reading, ("setup_requires", "tests_require", "extras_require")
    )
    options = found.get("options", {})
    for field in options:
        if field not in OPTIONS:
            reading.bad("python", field, "no field that [options] may have: what it says is not read")
    needed = options.get("install_requires", "")
    files = re.fullmatch(r"\s*file:(.*)", needed, re.DOTALL)
    if files:
        requirements.into(reading, [f"-r {one}" for one in re.split(r"[\s,]+", files.group(1)) if one])
    else:
        requirements.into(reading, needed.splitlines())
    if options.get("python_requires"):
        requirements.into(reading, ["python" + options["python_requires"].strip()])
    if not reading.empty:
        reading.say("of a project what it needs is installed, and neither the project itself nor its extras and tests")


def tox(reading: Reading, text: str) -> None:
    """Read what the tests of a project need, of a tox.ini: https://tox.wiki/en/latest/config.html."""
    for section, options in tables.ini(text, reading).items():
        for line in options.get("deps", "").splitlines() if re.match(r"testenv\b", section) else ():
            factors = re.match(r"[\w!.,{}-]+:\s+", line.strip())
            if factors or (line.strip().startswith("{") and line.strip().endswith("}")):
                reading.say(
                    f"{line.strip()}: of tox.ini a line for some environments, or of another place, is left out"
                )
            else:
                requirements.into(reading, [line])
    if not reading.empty:
        reading.say("of a tox.ini what the tests need is installed, and not the project itself")
