"""Jupyter's environment: it needs nothing of what the part "system" installs, so both are made at the same time."""

from tasks import jupyter, jupyterhub, layers, leftovers

if layers.accepted():
    jupyter.environment()
    jupyterhub.jupyterhub()
    leftovers.leftovers()
