"""The package index of a closed network, for pip and uv: root's while provisioning, and the user's."""

from __future__ import annotations

from pyinfra import host

from tasks.lib.staging import SYSTEM_BUNDLE
from tasks.operations import managed_files
from tasks.settings import deploy

# Not /etc/pip.conf and /etc/uv/uv.toml, which are for the host's administrators.
PIP = "/etc/xdg/pip/pip.conf"
UV = "/etc/xdg/uv/uv.toml"


@deploy("Package index")
def package_index() -> None:
    data = host.data
    pip = f"index-url = {data.pypi_index}\n" if data.pypi_index else ""
    if data.pypi_index.startswith("http://"):
        # pip leaves out an index without TLS, silently but for a warning, unless it is told that this is meant.
        pip += f"trusted-host = {data.pypi_index.split('/')[2]}\n"
    uv = f'[[index]]\nurl = "{data.pypi_index}"\ndefault = true\n' if data.pypi_index else ""
    if data.ca_certificates:
        # Both come with a list of their own, which does not know the site's.
        pip += f"cert = {SYSTEM_BUNDLE}\n"
        uv = "native-tls = true\n" + uv
    managed_files.optional("Tell pip and uv of the index", {PIP: "[global]\n" + pip if pip else "", UV: uv})
