"""Projects in a bucket that keeps what their users install, and what a terminal or a kernel sees of it."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import boto3

from tests.fakes.s3 import Server, serve_all

from .machines import until
from .services import BUCKET, MOUNT, Service, bucket_variables

PYTHON = "Python-3.11.2"
PIP = "pip install -q --no-index --find-links /sources/index --disable-pip-version-check "
SITE = f"/home/melda/project/{PYTHON}/lib/python3.11/site-packages"


class Project:
    """A folder of the bucket, and containers that have it mounted."""

    def __init__(self, docker: str, image: str, s3: Server, sources: Path, name: str) -> None:
        self.s3, self.prefix = s3, f"users/{name}/"
        self._run = (docker, image)
        self._options = (*MOUNT, "--volume", f"{sources}:/sources:ro")
        self._variables = bucket_variables(s3, BUCKET, s3.credentials(f"melda-test-{name}", BUCKET), f"users/{name}")
        self.made: list[Service] = []

    def start(self, **more: str) -> Service:
        self.made.append(Service(*self._run, self._options, **self._variables | more))
        return self.made[-1]

    @property
    def client(self) -> boto3.client:
        return self.s3.client()

    def objects(self) -> dict[str, int]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=self.prefix)
        found = (item for page in pages for item in page.get("Contents", []))
        return {item["Key"].removeprefix(self.prefix): item["Size"] for item in found if not item["Key"].endswith("/")}

    def manifests(self) -> list[str]:
        return sorted(key for key in self.objects() if re.search(r"^\.melda-jupyter/[^/]+/.*\.json$", key))

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=self.prefix + key, Body=content)

    def get(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=BUCKET, Key=self.prefix + key)["Body"].read()
        return content


class Held:
    """Requests of a kind that get no answer until this is over."""

    def __init__(self, s3: Server, method: str, path: str) -> None:
        self._s3, self._method, self._path = s3, method, path
        self._over, self.met = threading.Event(), threading.Event()

    def __enter__(self) -> Held:
        self._s3.judge = self._judge
        return self

    def __exit__(self, *_: object) -> None:
        self._s3.judge = serve_all
        self._over.set()

    def _judge(self, method: str, path: str) -> str:
        if method == self._method and re.search(self._path, path):
            self.met.set()
            self._over.wait(60)
            return "503 Slow Down"
        return ""


def shell(service: Service, command: str, check: bool = True) -> str:
    """What a terminal of the user's shows."""
    return service.run(f"cat >/tmp/command <<'EOF'\n{command}\nEOF\nsu - melda -c '. /tmp/command'", check=check)


def saved(service: Service) -> None:
    """Wait until all is saved."""
    until(lambda: service.health()["plugins"].startswith("saved at"), f"it is saved; {service.logs()[-2000:]}", 60)


def imported(service: Service, *names: str) -> str:
    """The versions that a kernel imports, with blanks between; ``none`` for what it cannot."""
    one = "try:\n    import {0}; print({0}.V, end=' ')\nexcept ImportError: print('none', end=' ')"
    return service.notebook.run("python3", "\n".join(one.format(name) for name in names)).stdout.strip()


# A package with many files, a large one, links, and names that are no ASCII; how many folders of 200 files, and how many MB.
BIG = f"""
import os, random, sys
site, folders, size = "{SITE}", int(sys.argv[1]), int(sys.argv[2])
os.makedirs(site + "/big/data")
for folder in range(folders):
    os.mkdir(f"{{site}}/big/data/{{folder}}")
    for file in range(200):
        with open(f"{{site}}/big/data/{{folder}}/{{file}}.txt", "w") as stream:
            stream.write(str(file))
with open(site + "/big/größe 数据.bin", "wb") as stream:
    for part in range(size // 10):
        stream.write(random.Random(part).randbytes(10_000_000))
with open(site + "/big/__init__.py", "w") as stream:
    stream.write("V = 'big'\\n")
os.symlink("größe 数据.bin", site + "/big/link")
os.symlink("/opt/jupyter/bin/python", site + "/big/python")
os.mkdir(site + "/big-1.0.dist-info")
with open(site + "/big-1.0.dist-info/RECORD", "w") as stream:
    stream.write("big/__init__.py,,\\nbig-1.0.dist-info/RECORD,,\\n")
"""
