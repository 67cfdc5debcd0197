"""A registry that speaks OCI's distribution protocol: Debian's docker-registry, on this machine alone."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.request import Request, urlopen

MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)


class Registry:
    """Runs while the ``with`` block does; what was pushed is gone with it.

    ``address`` is its HOST:PORT. On 127.0.0.0/8 the engine needs neither TLS nor a setting.
    """

    address: str

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Registry:
        config = Path(self._folder.name) / "config.yml"
        # Port 0: the kernel chooses one that is free, and the registry says which.
        config.write_text(
            "version: 0.1\n"
            "log: {level: info, formatter: json, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {self._folder.name}/data}}}}\n"
            "http: {addr: '127.0.0.1:0'}\n"
        )
        self._process = subprocess.Popen(
            ["docker-registry", "serve", str(config)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert self._process.stderr
        said = []
        for line in self._process.stderr:
            said.append(line)
            if "listening on " in line:
                self.address = str(json.loads(line)["msg"]).rpartition("listening on ")[2]
                break
        else:
            raise RuntimeError(f"docker-registry did not start: {''.join(said)}")
        # It goes on logging: read, or it waits once the pipe is full.
        self._drain = subprocess.Popen(["cat"], stdin=self._process.stderr, stdout=subprocess.DEVNULL)
        return self

    def stop(self) -> None:
        """Answer no more."""
        self._process.terminate()
        self._process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        assert self._process.stderr
        self._process.stderr.close()
        self._drain.wait()
        self._folder.cleanup()

    def tags(self, name: str) -> set[str]:
        """The tags of a repository, by the registry."""
        with urlopen(f"http://{self.address}/v2/{name}/tags/list") as answer:
            return set(json.load(answer)["tags"])

    def digest(self, name: str, tag: str) -> str:
        """What the registry has under a tag."""
        asked = Request(f"http://{self.address}/v2/{name}/manifests/{tag}", headers={"Accept": ", ".join(MANIFESTS)})
        with urlopen(asked) as answer:
            return str(answer.headers["Docker-Content-Digest"])

    def config(self, name: str, tag: str) -> dict[str, Any]:
        """The configuration of the image under a tag, read as a client of the registry would."""
        asked = Request(f"http://{self.address}/v2/{name}/manifests/{tag}", headers={"Accept": ", ".join(MANIFESTS)})
        with urlopen(asked) as answer:
            digest = json.load(answer)["config"]["digest"]
        with urlopen(f"http://{self.address}/v2/{name}/blobs/{digest}") as answer:
            found: dict[str, Any] = json.load(answer)
        return found
