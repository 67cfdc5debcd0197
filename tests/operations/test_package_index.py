"""tasks/package_index.py: pip and uv know the site's index and its certificates, or nothing of ours."""

from __future__ import annotations

import configparser

import certifi
import tomllib

from tasks import package_index
from tasks.facts.files import PathStats
from tasks.jupyter import lock
from tasks.lib import staging
from tasks.operations import venv

from .conftest import Run

URL = "https://pypi.example.org/simple"


def test_nothing_by_default(run: Run) -> None:
    assert run(package_index.package_index) == {}


def test_both_get_it(run: Run) -> None:
    uploads = run(package_index.package_index, pypi_index=URL, ca_certificates=certifi.where()).uploads
    pip = configparser.ConfigParser()
    pip.read_string(uploads[f"{package_index.PIP}.melda-new"].decode())
    assert dict(pip["global"]) == {"index-url": URL, "cert": "/etc/ssl/certs/ca-certificates.crt"}
    uv = tomllib.loads(uploads[f"{package_index.UV}.melda-new"].decode())
    assert uv == {"native-tls": True, "index": [{"url": URL, "default": True}]}


def test_pip_takes_an_index_without_tls(run: Run) -> None:
    uploads = run(package_index.package_index, pypi_index="http://mirror:8080/simple").uploads
    assert b"\ntrusted-host = mirror:8080\n" in uploads[f"{package_index.PIP}.melda-new"]


def test_taken_back(run: Run) -> None:
    there = dict.fromkeys((package_index.PIP, package_index.UV), ("file", "644", "root", "root", "0"))
    (commands,) = run(package_index.package_index, {PathStats: there}).values()
    assert commands == [
        f"rm -f {path} && {{ test -L {folder} || rmdir --ignore-fail-on-non-empty {folder}; }}"
        for path, folder in ((path, path.rsplit("/", 1)[0]) for path in (package_index.PIP, package_index.UV))
    ]


def test_the_locks_come_from_it(run: Run) -> None:
    commands = run(lambda: venv.packages(name="x", env="/opt/x", lock=lock("none"), ours=[]), pypi_index=URL)
    environment = commands.uploads["/var/lib/melda-jupyter.provision/.secrets/environment"].decode()
    assert environment == f"export PIP_INDEX_URL={URL}\nexport UV_DEFAULT_INDEX={URL}\n"
    folder = "/var/lib/melda-jupyter.provision"
    assert commands["x"][-1].startswith(
        f"{staging.ENTER} && chmod 644 * && ( set -e; . {folder}/.secrets/environment; "
    )
