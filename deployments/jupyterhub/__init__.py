"""Several users, each with a container of this image: JupyterHub with DockerSpawner."""
