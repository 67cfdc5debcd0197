"""The program of the image: what runs in a container, and on a host."""

# The one place. pyproject.toml, labels, the log and /healthz read it; docs/upgrading.md says what a number promises.
__version__ = "0.2.0"
