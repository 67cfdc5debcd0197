"""JupyterHub on a Docker host: each user gets a container of this image, and reaches no other.

A site's own file loads this one, and says who may log in; what it sets comes later, and wins::

    load_subconfig("/opt/melda-jupyter/deployments/jupyterhub/jupyterhub_config.py")
    c.JupyterHub.authenticator_class = "..."
    c.Authenticator.allowed_users = {"ada", "grace"}
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from builder import engine  # noqa: E402
from builder.errors import BuildError  # noqa: E402
from builder.overrides import defaults as settings  # noqa: E402
from builder.settings import REFERENCE, refuse  # noqa: E402
from deployments.contract import ports  # noqa: E402
from deployments.jupyterhub import network  # noqa: E402

c = get_config()  # type: ignore[name-defined]  # noqa: F821

image = os.environ.get("MELDA_HUB_IMAGE", "melda-jupyter-hub:latest")
try:
    if not REFERENCE.fullmatch(image):
        raise refuse("MELDA_HUB_IMAGE", image, "an image name such as melda-jupyter-hub:latest")
    docker = engine.ready()
    address = network.ensure(docker, os.environ.get("MELDA_HUB_NETWORK", "melda-hub"))
except BuildError as refused:
    print(f"deployments.jupyterhub: {refused}", file=sys.stderr)
    sys.exit(2)

# --- the hub: users' containers reach its API at this machine's address on their network, and nobody else does ------
c.JupyterHub.hub_ip = address
c.JupyterHub.hub_connect_ip = address
c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
# `npm ci` puts it there; else the one on PATH is taken.
proxy = HERE / "node_modules" / ".bin" / "configurable-http-proxy"
if proxy.exists():
    c.ConfigurableHTTPProxy.command = [str(proxy)]

# --- a user's container --------------------------------------------------------------------------------------------
c.DockerSpawner.image = image
# It is PID 1 as anywhere; JupyterHub's variables tell it that the hub says who may use Jupyter.
c.DockerSpawner.cmd = ["start-jupyter"]
c.DockerSpawner.port = ports({})[0]
# No port of this machine is published: the proxy connects to the container's own address.
c.DockerSpawner.use_internal_ip = True
c.DockerSpawner.network_name = os.environ.get("MELDA_HUB_NETWORK", "melda-hub")
# The project outlives the container. The spawner writes {username} so that no two users share a name.
c.DockerSpawner.prefix = "melda"
c.DockerSpawner.volumes = {"melda-project-{username}": settings()["jupyter_workdir"]}
c.DockerSpawner.remove = True
# Then the container ends, and the hub removes it: docs/idle.md. The hub's own idle-culler takes a silent cell for idle.
# A minute to save what was installed last: Docker waits so long until it kills, and the image knows.
c.Spawner.environment = {"IDLE_SECONDS": "3600", "STOP_SECONDS": "60"}
c.DockerSpawner.extra_create_kwargs = {"stop_timeout": 60}
c.Spawner.default_url = "/tree"
# A healthy container takes 5 s; the first one after the machine's start may take longer.
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 120
# One user's mistake is not the others': memory, and processes (threads count).
c.Spawner.mem_limit = "4G"
# Docker's 64 MB of shared memory end a program that shares more with a bus error.
c.DockerSpawner.extra_host_config = {"pids_limit": 4096, "shm_size": "1g"}
