"""Jupyter's server."""
