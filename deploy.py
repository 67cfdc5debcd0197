"""What makes a base image, a container or a machine into Melda Jupyter: the concerns, in order."""

from tasks import (
    bspm,
    bytecode,
    certificates,
    environment,
    firewall,
    index,
    jupyter,
    jupyterhub,
    leftovers,
    mirrors,
    packages,
    persistence,
    privileges,
    r2u,
    runtime,
    settings,
    ssh,
    storage,
    system,
    units,
    user,
)
from tasks.lib import progress, summary

progress.show()
summary.show()

if settings.accepted():
    mirrors.mirrors()
    system.system()
    certificates.certificates()
    index.index()
    r2u.r2u()
    user.user()
    storage.storage()
    ssh.ssh()
    firewall.firewall()
    jupyter.jupyter()
    jupyterhub.jupyterhub()
    bspm.bspm()
    persistence.persistence()
    runtime.runtime()
    environment.environment()
    bytecode.bytecode()
    packages.packages()
    privileges.privileges()
    units.units()
    leftovers.leftovers()
