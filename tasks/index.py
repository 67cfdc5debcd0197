"""The package index of a closed network, for pip and uv: root's while provisioning, and the user's."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from tasks.lib import optional, workplace

# Not /etc/pip.conf and /etc/uv/uv.toml, which are for the machine's administrators.
PIP = "/etc/xdg/pip/pip.conf"
UV = "/etc/xdg/uv/uv.toml"


@deploy("Index")
def index() -> None:
    data = host.data
    pip = "index-url = {0}\n".format(data.pypi_index) if data.pypi_index else ""
    if data.pypi_index.startswith("http://"):
        # pip leaves out an index without TLS, silently but for a warning, unless it is told that this is meant.
        pip += "trusted-host = {0}\n".format(data.pypi_index.split("/")[2])
    uv = '[[index]]\nurl = "{0}"\ndefault = true\n'.format(data.pypi_index) if data.pypi_index else ""
    if data.ca_certificates:
        # Both come with a list of their own, which does not know the site's.
        pip += "cert = {0}\n".format(workplace.SYSTEM_BUNDLE)
        uv = "native-tls = true\n" + uv
    optional.installed("Tell pip and uv of the index", {PIP: "[global]\n" + pip if pip else "", UV: uv})
