"""The curated packages of Python. INITIALS=a-o in the environment: those alone whose names begin so."""

import os

from tasks import layers, leftovers, packages

if layers.accepted():
    packages.python_packages(os.environ.get("INITIALS", ""))
    leftovers.leftovers()
