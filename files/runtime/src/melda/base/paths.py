"""Paths, ports and names that more than one program knows: the runtime's, the provisioning's, the build host's.

Files that are not Python (R, shell, units, Dockerfiles) repeat some of them; tests/unit/test_paths.py compares these.
"""

from __future__ import annotations

# --- in a container or on a host -----------------------------------------------------------------------------------
RUN = "/run/melda-jupyter"  # for what lives as long as the container; root's, so nobody plants links there
# For what a restart must find. On a disk: /run, where a container has it, is empty after a boot of a host, and a random
# token would be another one.
STATE = "/var/lib/melda-jupyter"
SHARE = "/usr/local/share/melda-jupyter"  # what provisioning wrote down

PLUGINS_RUN = RUN + "/plugins"  # the user's: the sync daemon is a process of the user's
IPV4_ONLY = RUN + "/ipv4-only"  # there where the firewall does not cover IPv6: nothing listens on that
RESTORING = (
    PLUGINS_RUN + "/restoring"
)  # while it is there Python and R wait, see melda_plugins.py and plugins/r_library.py
SYNC_STATE = PLUGINS_RUN + "/state"  # one line; terminals show it, see files/sync/profile.sh
AT_START = RUN + "/at-start.json"  # what the bucket held before it was mounted
MOUNT_STATE = RUN + "/mount"  # what the watch found; where there is one, the project is a bucket
TOLD = PLUGINS_RUN + "/told-"  # a folder for each line that terminals say once; what it is of follows
MISSING = PLUGINS_RUN + "/missing"  # packages that are still coming, or could not be had; as RESTORING
BSPM_RUN = RUN + "/bspm"  # whether install.packages() reaches apt; R shows it, see files/bspm/Rprofile.R
JUPYTER_SOCKET = RUN + "/health/jupyter"  # Jupyter's for the health check; there once it listens
HEALTH_SOCKET = RUN + "/health/socket"  # the version service's for the health check
TOKENS = RUN + "/token*"  # Jupyter's, a file each

BSPM_RECORD = STATE + "/bspm.json"  # what users installed through bspm's service
LOCAL_PLUGINS = STATE + "/plugins"  # the plugin folders, on local disk

SUPPORT_ENDS = SHARE + "/support-ends"  # the distribution release, and the last day of its security updates
OMITTED = SHARE + "/omitted"  # sources that did not answer, a line each
NOT_COMPILED = SHARE + "/not-compiled"  # R packages that did not compile, with the reason, a line each
IMAGE = SHARE + "/image.json"  # version, revision and base of the image, where `make image` built it
MANAGED = SHARE + "/managed-files"  # every file, folder, link and block that the project has here, a line each
R_PACKAGES = SHARE + "/r-packages"  # every R package that a list ever asked for here, a line each

# Where s3fs mounts the bucket: it takes a path, and only here nobody but root can put another folder under it. The project's
# folder shows the same.
MOUNTED = RUN + "/project"
DATA = "/data"  # where DATA_BUCKET is mounted
DATA_STATE = RUN + "/data"  # what the watch of it found
# Folders below / that are made anew at each start, and those of the system: given to the user, they would give root away.
VOLATILE_FOLDERS = "dev|proc|run|sys"
CLOSED_FOLDERS = "bin|boot|etc|lib|lib32|lib64|libx32|root|sbin"  # of these none has a place for other programs
SYSTEM_FOLDERS = CLOSED_FOLDERS + "|usr|var"
HOOKS = "/etc/melda-jupyter"  # a site's own programs in a start, in folders below it
ENVIRONMENT = "/etc/environment"
HEALTHCHECK = "/usr/local/bin/healthcheck"  # wherever the setting src puts the programs
RPROFILE = "/etc/R/Rprofile.site"
LISTS_FETCHED = "/var/lib/apt/melda-jupyter.fetched"  # touched when all of apt's lists were fetched

# --- the system bus: bspm's name, so that its R code finds our service (https://github.com/cran4linux/bspm) ----------
BUS_NAME = "org.r_project.linux1"
BUS_PATH = "/org/r_project/linux1/PackageManager"
BUS_INTERFACE = BUS_NAME + ".PackageManager"
BUS_SERVICE = f"/usr/share/dbus-1/system-services/{BUS_NAME}.service"
BUS_POLICY = f"/etc/dbus-1/system.d/{BUS_NAME}.conf"

# --- ports -----------------------------------------------------------------------------------------------------------
HIGHEST_PORT = 65535
JUPYTER_PORT = 8888
VERSIONS_PORT = 2310
SSH_PORT = 22

# --- in the project ---------------------------------------------------------------------------------------------------
PROJECT_STATE = ".melda-jupyter"  # folder with all that is ours
CAPTURE = "environment.json"  # in there: the environment snapshot
