"""What makes a base image, a container or a host into Melda Jupyter: the concerns, in order."""

from tasks import (
    apt_sources,
    bspm,
    bytecode,
    certificates,
    envs,
    firewall,
    fonts,
    former_files,
    jupyter,
    jupyterhub,
    leftovers,
    mount,
    package_index,
    packages,
    privileges,
    r2u,
    runtime,
    settings,
    ssh,
    sync,
    system,
    systemd,
    user,
)
from tasks.lib import call_stack, fact_cache, nameless_image, progress, summary

call_stack.enable()
fact_cache.enable()
progress.show()
summary.show()
nameless_image.show(whole=True)

if settings.accepted():
    former_files.former_files()
    apt_sources.apt_sources()
    system.system()
    certificates.certificates()
    package_index.package_index()
    r2u.r2u()
    user.user()
    mount.mount()
    ssh.ssh()
    firewall.firewall()
    jupyter.jupyter()
    jupyterhub.jupyterhub()
    bspm.bspm()
    sync.sync()
    runtime.runtime()
    envs.envs()
    bytecode.bytecode()
    fonts.fonts()
    packages.packages()
    privileges.privileges()
    systemd.systemd()
    leftovers.leftovers()
