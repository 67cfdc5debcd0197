"""The curated packages of Python."""

from tasks import layers, leftovers, packages

if layers.accepted():
    packages.python_packages()
    leftovers.leftovers()
