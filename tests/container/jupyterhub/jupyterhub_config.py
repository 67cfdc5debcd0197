"""A site's own file, as deployments/jupyterhub/README.md has it: ours, and who may log in. Ports and names are the test's."""

import os

c = get_config()  # type: ignore[name-defined]  # noqa: F821
load_subconfig(os.environ["OURS"])  # type: ignore[name-defined]  # noqa: F821

c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = os.environ["PASSWORD"]
c.Authenticator.allowed_users = {"ada", "grace.h@example.org"}
c.JupyterHub.bind_url = f"http://127.0.0.1:{os.environ['PORT']}"
c.JupyterHub.hub_port = int(os.environ["HUB_PORT"])
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{os.environ['API_PORT']}"
c.ConfigurableHTTPProxy.command = os.environ["PROXY"].split(",")
# Containers and volumes that the test can tell from others.
c.DockerSpawner.prefix = os.environ["NAME"]
c.DockerSpawner.volumes = {os.environ["NAME"] + "-{username}": "/home/melda/project"}
