"""R's packages: which repository is CRAN, and which version conda means."""

from __future__ import annotations

import json

import pytest
from melda.envs import document, formats


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
    assert found["begins"] == {"ggplot2": "3.4", "seurat": "4", "sf": "1.0", "tibble": "3.2"}
    versions = {one["name"]: one["version"] for one in found["r"]["packages"]}
    assert {name: one for name, one in versions.items() if one} == {"dplyr": "1.1.3", "zoo": "1.8", "xts": "0.13"}
    assert document.PROBLEMS not in found


def test_versions_of_r_in_a_fence_are_those_of_the_same_file_without_it() -> None:
    text = "dependencies:\n  - r-dplyr=1.1\n  - r-zoo>=1.8\n"
    alone = formats.parse(text, "environment.yml")
    found = formats.parse(f"# Zebra\n\n```yaml\n{text}```\n", "README.md")
    assert {one: found.get(one) for one in ("begins", "at_least", "r")} == {
        "begins": {"dplyr": "1.1"}, "at_least": {"zoo": "1.8"}, "r": alone["r"]
    }  # fmt: skip
