"""What changes seldom: Debian packages, R, Jupyter, bspm, the user, and the files that these packages bring along."""

from tasks import (
    apt_sources,
    bspm,
    certificates,
    jupyter,
    jupyterhub,
    layers,
    leftovers,
    package_index,
    privileges,
    r2u,
    ssh,
    system,
    user,
)

PARTS = (
    apt_sources.apt_sources, system.system, certificates.certificates, package_index.package_index, r2u.r2u, user.user,
    # Host keys that the package makes must not be in a layer.
    ssh.ssh,
    jupyter.programs, jupyterhub.jupyterhub, bspm.package,
    # A mode that is changed in a later layer stores the file again.
    privileges.privileges,
    leftovers.leftovers,
)  # fmt: skip

if layers.accepted():
    for part in PARTS:
        part()
