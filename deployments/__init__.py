"""The image on engines that exist: ECS, JupyterHub, Kubernetes."""
