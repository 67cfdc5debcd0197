"""Where a closed network has what others fetch from the internet, for apt: its mirrors and its proxy."""

from __future__ import annotations

from pyinfra import host

from tasks.facts.apt import MirrorDrift
from tasks.lib.fact_cache import prefetch
from tasks.lib.release import target
from tasks.operations import apt, managed_files
from tasks.settings import deploy

PROXY = "/etc/apt/apt.conf.d/91melda-jupyter-proxy"


@deploy("apt sources")
def apt_sources() -> None:
    data = host.data
    mirrors = {"codename": target().codename, "mirror": data.apt_mirror, "security": data.apt_security_mirror}
    prefetch(MirrorDrift, **mirrors)
    apt.sources(name="Let apt's sources name the mirrors", **mirrors)
    proxy = f'Acquire::http::Proxy "{data.apt_proxy}";\n' if data.apt_proxy else ""
    # apt takes it for https too (apt-transport-https(1)).
    managed_files.optional("Tell apt of its proxy", {PROXY: proxy})
