"""Jupyter's configuration for all users, for notebook 6 and 7.

Installed as jupyter_server_config.py (notebook 7, JupyterLab) and jupyter_notebook_config.py (notebook 6),
with the same content: each reader takes the sections it knows.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import version
from importlib.util import find_spec
from shutil import which

from jupyter_core.paths import jupyter_path

c = get_config()  # type: ignore[name-defined]  # noqa: F821

# Notebook 6 calls the server NotebookApp; 7 complains of settings under that name.
OLD = int(version("notebook").split(".")[0]) < 7
server = c.NotebookApp if OLD else c.ServerApp

# All interfaces: Docker publishes the port. It is this port or none, never silently the next one.
server.ip = "0.0.0.0"  # nosec B104 # noqa: S104
server.port = 8888
server.port_retries = 0
server.open_browser = False
server.allow_remote_access = True

# The notebook directory, for Python and R alike: kernels start where their notebook is.
workdir = os.environ.get("JUPYTER_WORKDIR", "/home/melda/project")
if OLD:
    server.notebook_dir = workdir
else:
    server.root_dir = workdir

# Delete deletes, folders that are not empty too, as browsers ask before: a trash in the project would keep the space (in S3, the
# bill), hidden where nobody empties it.
c.FileContentsManager.delete_to_trash = False
c.FileContentsManager.always_delete_dir = True

# Beside what Jupyter hides itself: the folders of the user's packages, which pip and install.packages() look after. Exactly
# these: with `*` in it R-4.2.2-report.ipynb would be hidden too.
TO_99 = ("[0-9]", "[0-9][0-9]")
c.ContentsManager.hide_globs = ["__pycache__", "*.pyc", "*.pyo", ".DS_Store", "*~"] + [
    f"{name}-[0-9].{minor}.{patch}" for name in ("Python", "R") for minor in TO_99 for patch in TO_99
]

# No questions about Jupyter's news, and no advice to install a newer JupyterLab, which the image brings.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"

# JupyterLab's manager of extensions takes a proxy's user and password for its host and port, and answers 500. The one that only
# lists them asks nobody: https://github.com/jupyterlab/jupyterlab/blob/v4.4.0/jupyterlab/extensions/pypi.py#L66-L68
if not OLD and any("@" in os.environ.get(name, "") for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY")):
    c.LabApp.extension_manager = "readonly"

# login.html of this folder extends jupyter_server's own, which is found by the second.
found = None if OLD else find_spec("jupyter_server")
if found and found.submodule_search_locations:
    server.extra_template_paths = [
        os.path.dirname(os.path.abspath(__file__)) + "/templates",
        *found.submodule_search_locations,
    ]

# start-jupyter writes the token there, or nothing if there shall be none: then the firewall says who may connect. Without the
# variable, by hand, Jupyter makes one.
identity = server if OLD else c.IdentityProvider
token_file = os.environ.get("MELDA_TOKEN_FILE")
if token_file:
    with open(token_file, encoding="ascii") as stream:
        identity.token = stream.read().strip()
    # The platform's server has no cookies, so no token against XSRF either. Pages of other origins were refused before
    # (melda/jupyter/guard.py). With a token the check stays.
    server.disable_check_xsrf = not identity.token

# Behind a JupyterHub cookies are the hub's matter.
if not os.environ.get("JUPYTERHUB_API_TOKEN"):
    # Not even a link of another site's brings them.
    identity.cookie_options = {"samesite": "Strict"}
    server.tornado_settings = {"xsrf_cookie_kwargs": {"path": "/", "samesite": "Strict"}}
    # Checked and normalised by start-jupyter: origins as browsers write them. \Z: older versions compare only the
    # beginning (GHSA-24qx-w28j-9m6p).
    origins = [re.escape(origin) for origin in os.environ.get("ALLOWED_ORIGINS", "").split(",") if origin]
    if origins:
        server.allow_origin_pat = r"(?:{0})\Z".format("|".join(origins))
        server.allow_credentials = True

# What pip installs for the browser is served: extensions of JupyterLab, templates of nbconvert; of kernels see
# melda/jupyter/extensions.py. Only files are read, nothing of it is imported here; and behind the image's own, so that nothing
# of the user's stands in for these.
own = os.environ.get("VIRTUAL_ENV", "") + "/share/jupyter"
if not OLD and own.startswith(workdir + "/"):
    c.LabServerApp.labextensions_path = [*jupyter_path("labextensions"), own + "/labextensions"]
    c.TemplateExporter.extra_template_basedirs = [own + "/nbconvert/templates"]

# What cannot work is not in the menu of exports: of these, what the image, or its site, has not installed.
for exporter, program, module in (
    ("LatexExporter", "pandoc", ""),
    ("RSTExporter", "pandoc", ""),
    ("ASCIIDocExporter", "pandoc", ""),
    ("WebPDFExporter", "", "playwright"),
    ("QtPDFExporter", "", "PyQt5"),
    ("QtPNGExporter", "", "PyQt5"),
):
    if (program and not which(program)) or (module and not find_spec(module)):
        getattr(c, exporter).enabled = False
# Of pandoc's too; without TeX it is WeasyPrint that makes it (melda/jupyter/pdf.py).
c.PDFExporter.enabled = bool(which("xelatex") or find_spec("weasyprint"))

# Docker gives the container ten seconds to stop; a kernel that computes gets two of them.
c.KernelManager.shutdown_wait_time = 2.0

# No login shell: that would reset PATH to the distribution's. Killed before Jupyter is, when there is no memory left; the
# score is that of kernels (melda/base/oom.py).
FIRST = ["/usr/bin/choom", "-n", "800", "--"]
server.terminado_settings = {"shell_command": [*(FIRST if os.access(FIRST[0], os.X_OK) else []), "/bin/bash"]}

# Not in the project, where each look at it is a request if that is in S3.
os.environ.setdefault("JP_LSP_VIRTUAL_DIR", os.path.expanduser("~/.virtual_documents"))

# Loaded with the first request for it (melda/jupyter/proxy.py).
if not OLD:
    server.jpserver_extensions = {"jupyter_server_proxy": False}

# Without this JupyterLab looks for language servers in the project when it starts: requests, if that is in
# S3. None is installed.
c.LanguageServerManager.autodetect = False
