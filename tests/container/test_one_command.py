"""What is too large for an image comes by the one command of docs/notebook.md, which anybody can type who is not root.

The packages are PyPI's. Data of nltk and spaCy's models are on GitHub, and have stand-ins: for nltk by the option that says from
where, for spaCy a server that the container takes for GitHub.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from builder import host
from tests.fakes import wheels
from tests.fakes.s3 import Server

from .machines import ROOT, until
from .services import BUCKET, MOUNT, Service, bucket_variables

CA = "/etc/ssl/certs/of-the-build-host.crt"
AT = "/usr/share/nltk_data/stand-in"  # nltk asks no private address, and reads only where data of its own may be
PLOT = "import plotly.express as px; px.scatter(x=[1, 2], y=[3, 4]).write_image('/tmp/a.png')"
MODEL = "en_core_web_sm"
GITHUB = ("github.com", "raw.githubusercontent.com")
SERVE = f"""
import functools, http.server, ssl
about = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
about.load_cert_chain("{AT}/github.pem")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 443), functools.partial(
    http.server.SimpleHTTPRequestHandler, directory="{AT}"))
server.socket = about.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
WORDS = "import nltk; print(nltk.data.find('tokenizers/punkt_tab/english/words'))"
SENTENCE = f"import spacy; print(len(spacy.load('{MODEL}')('It works.')))"


def command(name: str) -> str:
    """The command of docs/notebook.md that begins so."""
    found = re.search(rf"`({re.escape(name)}[^`]*)`", (ROOT / "docs" / "notebook.md").read_text())
    assert found
    return found[1]


def data(folder: Path) -> None:
    """Write what nltk's index is, with a list of words."""
    with zipfile.ZipFile(folder / "punkt_tab.zip", "w") as archive:
        archive.writestr("punkt_tab/english/words", "melda\n")
    content = (folder / "punkt_tab.zip").read_bytes()
    sums = (
        f'checksum="{hashlib.md5(content, usedforsecurity=False).hexdigest()}" size="{len(content)}" unzipped_size="6"'
    )
    package = f'<package id="punkt_tab" name="x" subdir="tokenizers" unzip="1" {sums} url="file://{AT}/punkt_tab.zip"/>'
    (folder / "index.xml").write_text(f"<nltk_data><packages>{package}</packages><collections/></nltk_data>")


def github(folder: Path) -> None:
    """Write what spaCy asks of GitHub: which model goes with it, and the model; and keys to be GitHub with."""
    models = folder / "explosion" / "spacy-models"
    release = models / "releases" / "download" / f"{MODEL}-3.8.0"
    release.mkdir(parents=True)
    (models / "master").mkdir()
    (models / "master" / "compatibility.json").write_text(json.dumps({"spacy": {"3.8": {MODEL: ["3.8.0"]}}}))
    code = "import spacy\n\n\ndef load(**_):\n    return spacy.blank('en')\n"
    wheels.build(release, MODEL, "3.8.0", {f"{MODEL}/__init__.py": code}, hashed=True)
    names = ",".join(f"DNS:{name}" for name in GITHUB)
    request = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=stand-in"]
    pem = str(folder / "github.pem")
    subprocess.run(
        [*request, "-addext", f"subjectAltName={names}", "-keyout", pem, "-out", str(folder / "ca.crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    with (folder / "github.pem").open("a") as stream:
        stream.write((folder / "ca.crt").read_text())


@pytest.mark.full
@pytest.mark.timeout(900)
def test_what_the_page_says(serve: Callable[..., Service], module_s3: Server, tmp_path: Path) -> None:
    """Each is there for the project, and in its next container."""
    tmp_path.chmod(0o755)
    data(tmp_path)
    github(tmp_path)
    (tmp_path / "ca.crt").write_bytes(Path(host.ca_bundle()).read_bytes() + (tmp_path / "ca.crt").read_bytes())
    values = bucket_variables(module_s3, BUCKET, module_s3.credentials("melda-test-data", BUCKET), "users/ada/data")
    options = (*MOUNT, "--volume", f"{tmp_path / 'ca.crt'}:{CA}:ro", "--volume", f"{tmp_path}:{AT}:ro")
    named = [part for name in GITHUB for part in ("--add-host", f"{name}:127.0.0.1")]

    def started() -> Service:
        return serve(*options, *named, PIP_CERT=CA, PIP_DISABLE_PIP_VERSION_CHECK="1", **values).ready()

    def shell(script: str) -> str:
        trusted = f"export PIP_CERT={CA} REQUESTS_CA_BUNDLE={CA}"
        return service.run(f'bash -lc "{trusted}; {script}"', user="melda", timeout=600).strip()

    service = started()
    shell(command("pip install 'plotly<7'") + f'; python -c \\"{PLOT}\\"')
    assert service.run("head -c 4 /tmp/a.png | tail -c 3") == "PNG"
    shell("pip install -q nltk 'spacy>=3.8,<3.9'")
    download = command("python -m nltk.downloader").replace("$NLTK_DATA", "\\$NLTK_DATA").replace('"', '\\"')
    shell(download.replace("nltk.downloader", f"nltk.downloader -u file://{AT}/index.xml"))
    subprocess.run([service.docker, "exec", "--detach", service.name, "/usr/bin/python3", "-c", SERVE], check=True)
    until(lambda: "127.0.0.1:443" in service.run("ss -ltn"), "the stand-in of GitHub answers")
    shell(command("python -m spacy download").replace("NAME", MODEL))

    def there() -> None:
        found = shell(f'python -c \\"{WORDS}\\"; python -c \\"{SENTENCE}\\"').splitlines()
        assert found[-2].startswith("/home/melda/project/Python-") and found[-1] == "3", found

    there()
    service.stop()
    service = started()
    there()
