"""Files in the browser: what is listed, deleted, and saved when there is no room."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from .services import Service, running

SMALL = "/home/melda/small"


@pytest.fixture(scope="module")
def small(docker: str, image: str) -> Iterator[Service]:
    """A container whose project has a folder with room for 64 KiB."""
    with running(docker, image, "--memory", "1g", "--tmpfs", f"{SMALL}:size=64k,uid=1001,gid=1001") as service:
        service.run(f"ln -s {SMALL} /home/melda/project/small", user="melda")
        yield service


def contents(service: Service, method: str, path: str, body: object = None) -> requests.Response:
    notebook = service.notebook
    return requests.request(
        method, f"{notebook.url}/api/contents/{path}", json=body, headers=notebook.headers, timeout=30
    )


def notebook(text: str) -> dict[str, Any]:
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": text}
    return {
        "type": "notebook",
        "format": "json",
        "content": {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
    }


def test_a_full_disk_is_said_and_no_notebook_is_empty(small: Service) -> None:
    assert contents(small, "PUT", "small/a.ipynb", notebook("old")).status_code == 201
    small.run(f"head -c 40k /dev/zero >{SMALL}/filler", user="melda")
    for name in ("a.ipynb", "new.ipynb"):
        for size in (9_000, 90_000):  # fails when it is flushed, and while it is written
            small.run(f"head -c 60k /dev/zero >{SMALL}/filler || true", user="melda")
            answer = contents(small, "PUT", f"small/{name}", notebook("x" * size))
            assert answer.status_code == 500 and "No space left on device" in answer.json()["message"], answer.text
    assert small.run(f"ls -A {SMALL} | grep -v checkpoints").split() == ["a.ipynb", "filler"]
    assert json.loads(small.run(f"cat {SMALL}/a.ipynb"))["cells"][0]["source"] == ["old"]
    small.run(f"rm {SMALL}/filler", user="melda")
    assert contents(small, "PUT", "small/a.ipynb", notebook("new")).status_code == 200


def test_a_file_that_would_take_all_memory_is_not_opened(small: Service) -> None:
    """It took the kernels' first, and then Jupyter's own."""
    small.run("truncate -s 400M big.csv", "melda")
    for query in ("", "?type=file&format=text", "?type=notebook", "?content=0&hash=1"):
        answer = contents(small, "GET", "big.csv" + query)
        assert answer.status_code == 413 and "download it" in answer.json()["message"], answer.text
    assert contents(small, "GET", "big.csv?content=0").json()["size"] == 400 << 20
    # It is copied and sent in pieces.
    assert contents(small, "POST", "", {"copy_from": "big.csv"}).json()["path"] == "big-Copy1.csv"
    notebook = small.notebook
    with requests.get(notebook.url + "/files/big.csv", headers=notebook.headers, timeout=60, stream=True) as answer:
        assert answer.headers["Content-Length"] == str(400 << 20) and len(answer.raw.read(1 << 20)) == 1 << 20
    small.run("rm big.csv big-Copy1.csv", "melda")


def test_delete_deletes(small: Service) -> None:
    small.run("mkdir -p folder/below && echo 1 >folder/below/file && cp folder/below/file .", "melda")
    for path in ("file", "folder"):
        assert contents(small, "DELETE", path).status_code == 204
        assert contents(small, "GET", path).status_code == 404
    assert small.run("find /home/melda -iname '*trash*'") == ""


def test_a_link_to_a_folder_is_deleted_as_a_link(small: Service) -> None:
    small.run("mkdir -p kept && touch kept/file && ln -s ../project/kept link && ln -s / root", "melda")
    for path in ("link", "root"):
        assert contents(small, "DELETE", path).status_code == 204
    assert small.run("ls -d link root kept/* 2>/dev/null || true", "melda").split() == ["kept/file"]
    small.run("mkdir deep && ln -s / deep/root", "melda")
    assert contents(small, "POST", "", {"copy_from": "deep"}).status_code == 201
    assert small.run("readlink deep-Copy1/root && rm -r deep deep-Copy1 kept", "melda").strip() == "/"


def test_folders_of_packages_are_not_listed(small: Service) -> None:
    small.run("mkdir -p R-4-all Python-course", "melda")
    found = [item["name"] for item in contents(small, "GET", "").json()["content"]]
    assert {"R-4-all", "Python-course"} <= set(found), "the user's own are"
    assert not [name for name in found if name[:8] == "Python-3" or name[:4] == "R-4."], found
    assert "Python-3" in small.run("ls", "melda"), "they are there"


def test_a_new_project_says_how_to_begin(small: Service) -> None:
    assert "What stays" in contents(small, "GET", "README.md").json()["content"]


INSTALLED = """
mkdir -p "$VIRTUAL_ENV"/share/jupyter; cd "$VIRTUAL_ENV"/share/jupyter
mkdir -p kernels/mine kernels/python3 labextensions/zebra/static
echo '{"argv": ["python", "-m", "mine", "{connection_file}"], "display_name": "Mine", "language": "x"}' >kernels/mine/kernel.json
cp kernels/mine/kernel.json kernels/python3
echo '{"name": "zebra", "version": "1.0", "jupyterlab": {"_build": {"load": "static/a.js", "extension": "./extension"}}}' \
    >labextensions/zebra/package.json
echo '// zebra' >labextensions/zebra/static/a.js
"""


def page_config(service: Service, page: str) -> Any:
    text = requests.get(f"{service.notebook.url}/{page}", headers=service.notebook.headers, timeout=30).text
    return json.loads(text.split('id="jupyter-config-data" type="application/json">')[1].split("</script>")[0])


def test_what_pip_installs_for_the_browser_is_served(small: Service) -> None:
    small.run(f"cat >/tmp/installed <<'END'\n{INSTALLED}\nEND\nsu - melda -c '. /tmp/installed'")
    specs = small.notebook.request("GET", "/api/kernelspecs").json()["kernelspecs"]
    assert specs["mine"]["spec"]["display_name"] == "Mine"
    assert specs["python3"]["spec"]["display_name"] == "Python 3 (ipykernel)", "the image's own is never another one"
    for page in ("lab", "tree"):
        assert "zebra" in [found["name"] for found in page_config(small, page)["federated_extensions"]]
    assert "zebra" in small.notebook.request("GET", "/lab/extensions/zebra/static/a.js").text
    small.run("echo '{' >$(echo Python-3*)/share/jupyter/labextensions/zebra/package.json", user="melda")
    names = [found["name"] for found in page_config(small, "lab")["federated_extensions"]]
    assert names and "zebra" not in names, "one that cannot be read costs itself alone"


GIT = """
import subprocess
def git(command, given=""):
    return subprocess.run("git " + command, shell=True, input=given, capture_output=True, text=True, check=True).stdout
git("config --global user.name Ada")
print(git("config --show-origin user.name"))
host = "protocol=https\\nhost=example.org\\n"
git("credential approve", host + "username=ada\\npassword=can" + "ary\\n\\n")
print(git("credential fill", host + "\\n"))
"""


def test_gits_name_is_kept_in_the_project_and_no_password(small: Service) -> None:
    found = small.notebook.run("python3", GIT)
    assert "file:/home/melda/project/.gitconfig\tAda" in found.stdout, found
    assert "password=canary" in found.stdout
    assert small.run("grep -r canary /home/melda || true") == ""


REPORT = """cat >report.Rmd <<'END'
---
title: Report
---
`r 6 * 7`
```{r}
plot(mpg ~ wt, data = mtcars)
```
END
Rscript -e 'rmarkdown::render("report.Rmd", quiet = TRUE)' && python -m weasyprint -q report.html report.pdf"""


def test_r_markdown_becomes_pdf(small: Service) -> None:
    """By the two commands of docs/notebook.md, the page and what it shows."""
    small.run(f"cat >/tmp/report <<'TYPED'\n{REPORT}\nTYPED\nsu - melda -c 'bash -e /tmp/report'")
    found = small.run("head -c 5 ~melda/report.pdf; tr -d ' ' <~melda/report.pdf | grep -ac /Subtype/Image")
    assert found == "%PDF-1\n"


# A picture, and what a notebook of somebody else's may name: all of it was read by Jupyter itself, as a whole.
PICTURES = """
import base64, json, os
dot = "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGP8z4APMOGVHbHSAEEsAROxCnMTAAAAAElFTkSuQmCC"
with open("my pic.png", "wb") as stream:
    stream.write(base64.b64decode(dot))
os.symlink("/dev/zero", "zero.png")
os.mkfifo("fifo.png")
source = "".join(f"![x]({name})" for name in ("my%20pic.png", "zero.png", "/dev/zero", "fifo.png", "large.png"))
cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": source}
with open("pictures.ipynb", "w") as stream:
    json.dump({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, stream)
"""


def test_a_picture_in_a_pdf_is_a_file_beside_the_notebook_and_no_trap(small: Service) -> None:
    small.run(f"cat >/tmp/p.py <<'END'\n{PICTURES}\nEND\npython3 /tmp/p.py && truncate -s 2G large.png", "melda")
    notebook = small.notebook
    address = f"{notebook.url}/nbconvert/pdf/pictures.ipynb"
    answer = requests.get(address, headers=notebook.headers, timeout=60)
    assert answer.content[:5] == b"%PDF-" and answer.content.replace(b" ", b"").count(b"/Subtype/Image") == 1
    small.run("rm large.png zero.png fifo.png", "melda")


def test_memory_is_shown(small: Service) -> None:
    found = small.notebook.request("GET", "/api/metrics/v1").json()
    assert found["rss"] > 10_000_000 and found["limits"]["memory"]["rss"] == 1 << 30


def test_r_stops_with_an_error_before_it_is_killed(small: Service) -> None:
    with small.notebook.start("ir") as kernel:
        assert "vector memory" in kernel.run("held <- numeric(2^27)").error
        assert kernel.run("cat(mem.maxVSize())").stdout == "512", "it goes on"


def test_the_login_page_says_what_can_be_done(small: Service) -> None:
    page = requests.get(f"{small.notebook.url}/login", timeout=30)
    assert "start-jupyter: ready:" in page.text and "Password or token" in page.text
    assert "server list" not in page.text and "readthedocs" not in page.text


def test_nobody_asks_for_news(small: Service) -> None:
    assert page_config(small, "lab")["news"] == {"disabled": True}
    setting = small.notebook.request("GET", "/lab/api/settings/@jupyterlab/apputils-extension:notification").json()
    assert setting["schema"]["properties"]["fetchNews"]["default"] == "false", "none is the question itself"
    update = small.notebook.request("GET", "/lab/api/update").json()
    assert not update.get("notification")
