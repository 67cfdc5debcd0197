"""Values for zero-to-jupyterhub, and a pod template."""
