"""The curated packages of R, and the Debian packages of their set."""

from tasks import layers, leftovers, packages, privileges, system

if layers.accepted():
    system.system()
    packages.r_packages()
    privileges.privileges()
    leftovers.leftovers()
