"""Every setting a site may change. Override one with ``pyinfra ... --data NAME=VALUE`` or in a group_data file of your own.

Checked by ``tasks/settings.py`` before anything changes; docs/reference/settings.md is made of these comments.
"""

import os

# --- what is built -----------------------------------------------------------------------------------------------
# Curated packages to install: none, core or datascience (files/packages/).
packages = "datascience"
# true: fonts for Chinese, Japanese, Korean, Devanagari and Thai, with core and datascience (6 MB).
fonts = True
# true: a source that does not answer is an error; false: what it would have given is skipped, and reported.
strict = False
# true: Jupyter can run behind a JupyterHub (deployments/jupyterhub); adds JupyterHub's own packages, about 100 MB.
jupyterhub = False

# --- the user (names of a container's variables) -----------------------------------------------------------------------------
# Who runs notebooks.
username = "melda"
# User and group number; the S3 mount gives every file to it.
uid = 1001
# Home folder.
uhome = "/home/melda"
# Where notebooks open and the S3 bucket is mounted.
jupyter_workdir = "/home/melda/project"
# Where the runtime's own programs live.
src = "/usr/src/melda-jupyter"
# The virtual environment of Jupyter and the user's Python.
python_env = "/opt/jupyter"
# Must be a UTF-8 locale; generated if the base has not got it.
locale = "en_US.UTF-8"

# --- where things come from --------------------------------------------------------------------------------------
# Mirrors of the distribution and of its security updates, for apt. Empty: what the base's own sources name.
apt_mirror = ""
apt_security_mirror = ""
# A proxy for apt alone, an apt-cacher-ng for instance; stays. Empty: none.
apt_proxy = ""
# Package index for pip and uv, while provisioning and for the user. Empty: PyPI.
pypi_index = ""
# Proxies for all downloads while provisioning; they may hold a password and never stay on the target.
http_proxy = os.environ.get("http_proxy", os.environ.get("HTTP_PROXY", ""))
https_proxy = os.environ.get("https_proxy", os.environ.get("HTTPS_PROXY", ""))
no_proxy = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
# A netrc file (on the host that runs pyinfra) with the passwords of mirrors and index; it never stays on the target.
netrc = ""
# A folder on the target that `make mirror` made: everything comes from it, nothing from a network. Empty: none.
mirror = ""
# CRAN mirror: for bspm at build time, and the user's install.packages().
cran_mirror = "https://cran.r-project.org"
# r2u: the repository, the key it must be signed with (path, absolute or below files/), and that key's fingerprint.
r2u_mirror = "https://r2u.stat.illinois.edu/ubuntu"
r2u_key = "r2u/dirk_eddelbuettel_key.asc"
r2u_fingerprint = "AE89DB0EE10E60C01100A8F2A1489FE2AB99A21A"
# Suite of r2u to use; empty: the one of the release table, none on Debian.
r2u_suite = ""
# CRAN's own apt repository with the newest R, for an Ubuntu that has not got it (rocker/r-ubuntu has): its mirror and a
# file with its key (E298 A3A8 25C0 D65D FD57 CBB6 5171 6619 E084 DAB9). No key: R comes from where the base has it.
r_mirror = "https://cloud.r-project.org/bin/linux/ubuntu"
r_key = ""
# A CA bundle (PEM file on the host that runs pyinfra) for HTTPS while provisioning, for instance behind a proxy that
# inspects TLS. It never stays on the target.
ca_bundle = os.environ.get("SSL_CERT_FILE", "")
# A PEM file (on the host that runs pyinfra) with the site's own certificate authorities, which the target shall trust
# for good: curl, R, Python, pip and uv. Empty: none.
ca_certificates = ""

# --- ssh ---------------------------------------------------------------------------------------------------------
# The platform's public key, one line as in authorized_keys. Empty: none is built in, and sshd stays off unless the container
# is given SSH_AUTHORIZED_KEYS.
ssh_public_key = ""

# --- apt ---------------------------------------------------------------------------------------------------------
# Package lists older than this are fetched again. Seconds.
apt_cache_time = 86400
# true: dpkg does not fsync each file. Right for an image, where an interrupted build is thrown away; wrong for a host.
dpkg_unsafe_io = False
# true: downloaded .deb files are kept (in an image build they lie in a cache mount).
apt_keep_archives = False
