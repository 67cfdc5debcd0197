"""R's packages: which repository is CRAN, and which version conda means."""

from __future__ import annotations

import json

import pytest
from melda.envs import document, formats
from melda.envs.formats.reading import LIMITS


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://cloud.r-project.org", "CRAN"), ("http://cran.us.r-project.org/", "CRAN"),
        ("https://cran.rstudio.com", "CRAN"), ("https://stat.ethz.ch/CRAN/", "CRAN"),
        ("https://packagemanager.posit.co/cran/__linux__/bookworm/latest", "CRAN"),
        ("https://p3m.dev/cran/2024-01-01", "CRAN"), ("https://mirrors.tuna.tsinghua.edu.cn/CRAN", "CRAN"),
        *((one, one) for one in ("https://cranhaven.r-universe.dev", "https://packages.ropensci.org",
                                 "https://R-Forge.R-project.org", "https://nexus.corp.example/repository/cran-internal",
                                 "https://cran.company.example", "https://cran.r-project.org.company.example",
                                 "https://company.example/cran.rstudio.com")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["corp", "RSPM"])
def test_a_repository_is_cran_by_its_host(url: str, named: str, name: str) -> None:
    package = {"Package": "inner", "Version": "1.0", "Source": "Repository", "Repository": name}
    lock = {"R": {"Version": "4.2.2", "Repositories": [{"Name": name, "URL": url}]}, "Packages": {"inner": package}}
    (found,) = formats.parse(json.dumps(lock), "renv.lock")["r"]["packages"]
    assert found["source"] == {"type": "cran", "repository": named}


def test_condas_versions_of_r_begin_so_unless_they_are_whole() -> None:
    names = (
        "r-ggplot2=3.4",
        "r-seurat=4",
        "r-sf=1.0.*",
        "r-tibble 3.2.*",
        "r-dplyr=1.1.3",
        "r-zoo==1.8",
        "r-xts=0.13=r43_0",
    )
    found = formats.parse(json.dumps({"dependencies": names}), "environment.yml")
    begins = {"ggplot2": "3.4", "seurat": "4", "sf": "1.0", "tibble": "3.2"}
    assert found[LIMITS] == {name: [["=", version]] for name, version in begins.items()}
    versions = {one["name"]: one["version"] for one in found["r"]["packages"]}
    assert {name: one for name, one in versions.items() if one} == {"dplyr": "1.1.3", "zoo": "1.8", "xts": "0.13"}
    assert document.PROBLEMS not in found


def test_versions_of_r_in_a_fence_are_those_of_the_same_file_without_it() -> None:
    text = "dependencies:\n  - r-dplyr=1.1\n  - r-zoo>=1.8\n"
    alone = formats.parse(text, "environment.yml")
    found = formats.parse(f"# Zebra\n\n```yaml\n{text}```\n", "README.md")
    assert found[LIMITS] == {"dplyr": [["=", "1.1"]], "zoo": [[">=", "1.8"]]} and found["r"] == alone["r"]


LIMITED = [
    ("<1.1", [["<", "1.1"]]), ("!=1.0.3", [["!=", "1.0.3"]]), (">=1.0,<1.1", [[">=", "1.0"], ["<", "1.1"]]),
    (" >=1.0, <1.1.0a0", [[">=", "1.0"], ["<", "1.1.0"]]), ("=1.0,!=1.0.3", [["=", "1.0"], ["!=", "1.0.3"]]),
    ("!=1.0.*", [["!=", "1.0.*"]]), ("~=1.0.3", [[">=", "1.0.3"], ["=", "1.0"]]), (">1.0_2", [[">", "1.0-2"]]),
    ("==1.0.*", [["=", "1.0"]]), ("<=1.1", [["<=", "1.1"]]),
]  # fmt: skip


@pytest.mark.parametrize(("version", "limits"), LIMITED)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("environment.yml", 'dependencies:\n  - "r-dplyr{0}"\n  - "r-base{0}"\n'),
        ("pixi.toml", '[workspace]\nchannels = []\n[dependencies]\nr-dplyr = "{0}"\nr-base = "{0}"\n'),
        ("setup.sh", '#!/bin/sh\nconda install -y "r-dplyr{0}" "r-base{0}"\n'),
    ],
)
def test_condas_limits_of_r_are_kept(name: str, text: str, version: str, limits: list[list[str]]) -> None:
    found = formats.parse(text.format(version), name)
    itself = {} if version == "==1.0.*" else {"R": limits}
    assert found[LIMITS] == {"dplyr": limits, **itself} and document.PROBLEMS not in found
    assert [(one["name"], one["version"]) for one in found["r"]["packages"]] == [("dplyr", "")]
    assert found["r"]["version"] == ("" if itself else "1.0")


def test_limits_of_a_description_are_kept() -> None:
    text = "Type: project\nDepends: R (>= 3.5, < 4.0), zoo (!= 1.8.1)\nImports: dplyr (< 1.1),\n    xts (>=0.12),"
    text += " xts (<= 0.13-1),\n    lab (> 1),\n    sf (=< 2)\nRemotes: team/lab\n"
    found = formats.parse(text, "DESCRIPTION")
    assert found[LIMITS] == {
        "R": [[">=", "3.5"], ["<", "4.0"]], "zoo": [["!=", "1.8.1"]], "dplyr": [["<", "1.1"]],
        "xts": [[">=", "0.12"], ["<=", "0.13-1"]],
    }  # fmt: skip
    assert [one["name"] for one in found[document.PROBLEMS]] == ["sf (=< 2)"]
    assert any("lab: what its remote has" in one for one in found[formats.NOTES])


@pytest.mark.parametrize("version", ["<1.x", ">=", "<>1"])
def test_a_limit_that_is_none_costs_its_package(version: str) -> None:
    found = formats.parse(f'dependencies:\n  - "r-dplyr{version}"\n  - r-zoo\n', "environment.yml")
    assert [one["name"] for one in found["r"]["packages"]] == ["zoo"]
    assert [one["name"] for one in found[document.PROBLEMS]][0] in ("dplyr", "r-dplyr")


@pytest.mark.parametrize("version", ["3.6", "=3.6", "==3.6", "3.6.*", "=3.6.*"])
def test_the_r_and_python_of_an_environment_in_each_spelling(version: str) -> None:
    found = formats.parse(
        f'dependencies:\n  - "r-base {version}"\n  - "python {version}"\n  - zoo\n', "environment.yml"
    )
    assert (found["r"]["version"], found["python"]["version"]) == ("3.6", "3.6")


@pytest.mark.parametrize("version", ["=2", "2", "~=2.0", "2.*"])
def test_a_python_that_is_not_here_is_told(version: str) -> None:
    found = formats.parse(f'dependencies:\n  - "python {version}"\n  - zoo\n', "environment.yml")
    assert [one["name"] for one in found[document.PROBLEMS]] == ["python"]


def test_repositories_of_a_description_are_told() -> None:
    text = "Type: project\nImports: zoo\nAdditional_repositories: https://lab.r-universe.example, https://b.example\n"
    assert sum(".example is not asked" in one for one in formats.parse(text, "DESCRIPTION")[formats.NOTES]) == 2


def test_limits_and_versions_by_the_place_of_an_argument() -> None:
    text = (
        'remotes::install_version("zebra", "1.2.3")\nremotes::install_version("okapi", ">= 1.0, < 2")\n'
        'remotes::install_version(package = "ibex", "0.1")\nremotes::install_github("ada/lynx", "v1.0")\n'
    )
    found = formats.parse(text, "install.R")
    versions = {one["name"]: (one["version"], one["source"].get("ref")) for one in found["r"]["packages"]}
    assert versions == {"zebra": ("1.2.3", None), "okapi": ("", None), "ibex": ("0.1", None), "lynx": ("", "v1.0")}
    assert found["limits"] == {"okapi": [[">=", "1.0"], ["<", "2"]]}
