"""A registry that speaks OCI's distribution protocol: Debian's docker-registry, in a container.

Not as a package of the machine that tests: installed there, systemd starts it for the whole network, on port 5000.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any
from urllib.request import Request, urlopen

import bcrypt

from .machines import Machine, until

MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
CONFIG = """version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: /var/lib/docker-registry}}
http: {addr: ':5000'}
auth: {htpasswd: {realm: tests, path: /etc/docker-registry.people}}
"""


class Registry(Machine):
    """Lets in nobody but ``user`` with ``password``; what was pushed is gone with the container.

    Args:
        docker: path of the docker client.
        base: a Debian.
    """

    user = "publisher"

    def __init__(self, docker: str, base: str) -> None:
        # On 127.0.0.0/8 the engine needs neither TLS nor a setting. Docker chooses a port that is free.
        super().__init__(docker, base, ("--publish", "127.0.0.1::5000"), ("tail", "-f", "/dev/null"))
        self.password = secrets.token_urlsafe()
        try:
            self._serve()
        except BaseException:
            self.remove()
            raise

    def _serve(self) -> None:
        self.run("apt-get update -qq && apt-get install -y -qq --no-install-recommends docker-registry")
        # The cheapest that bcrypt has: each request is checked again.
        known = bcrypt.hashpw(self.password.encode(), bcrypt.gensalt(4)).decode()
        self.run(f"echo '{self.user}:{known}' > /etc/docker-registry.people")
        self.run(f"cat > /etc/docker-registry.yml <<'END'\n{CONFIG}END")
        self.run("docker-registry serve /etc/docker-registry.yml > /var/log/docker-registry 2>&1 &")
        until(lambda: "listening on" in self.run("cat /var/log/docker-registry"), "the registry listens")

    @property
    def host(self) -> str:
        """HOST:PORT for the engine."""
        return self.inspect('127.0.0.1:{{(index (index .NetworkSettings.Ports "5000/tcp") 0).HostPort}}')

    def _asked(self, path: str) -> Request:
        known = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {"Accept": ", ".join(MANIFESTS), "Authorization": f"Basic {known}"}
        return Request(f"http://{self.host}/v2/{path}", headers=headers)

    def repositories(self) -> list[str]:
        """All that was ever pushed to."""
        with urlopen(self._asked("_catalog")) as answer:
            return list(json.load(answer)["repositories"])

    def tags(self, name: str) -> set[str]:
        """The tags of a repository, by the registry."""
        with urlopen(self._asked(f"{name}/tags/list")) as answer:
            return set(json.load(answer)["tags"])

    def digest(self, name: str, tag: str) -> str:
        """What the registry has under a tag."""
        with urlopen(self._asked(f"{name}/manifests/{tag}")) as answer:
            return str(answer.headers["Docker-Content-Digest"])

    def layers(self, name: str, tag: str) -> dict[str, int]:
        """The layers of the image under a tag: digest -> bytes, packed as they are pushed and pulled."""
        with urlopen(self._asked(f"{name}/manifests/{tag}")) as answer:
            return {layer["digest"]: layer["size"] for layer in json.load(answer)["layers"]}

    def config(self, name: str, tag: str) -> dict[str, Any]:
        """The configuration of the image under a tag, read as a client of the registry would."""
        with urlopen(self._asked(f"{name}/manifests/{tag}")) as answer:
            digest = json.load(answer)["config"]["digest"]
        with urlopen(self._asked(f"{name}/blobs/{digest}")) as answer:
            found: dict[str, Any] = json.load(answer)
        return found
