"""NOTEBOOK_ARGS: more options of Jupyter's server, as Jupyter's Docker stacks call them; none that changes who gets in.

Whoever runs the container sets it, so this refuses mistakes: an option copied from elsewhere that opens Jupyter to all.
"""

from __future__ import annotations

import re
import shlex
from typing import List

from melda.base.errors import ConfigError

VARIABLE = "NOTEBOOK_ARGS"
# traitlets' long form. Its short ones (--ip, --allow-root) are other names of what is refused below.
OPTION = re.compile(r"--([A-Z][A-Za-z0-9]*)\.([a-z][a-z0-9_]*)=.*", re.DOTALL)
NAMED = re.compile(r"--[A-Za-z][A-Za-z0-9_.-]{0,60}")
# Whatever the class: a setting of a base class counts for all that derive from it (traitlets' manual, "Inheritance").
ADDRESS = (
    "ip", "port", "port_retries", "base_url", "sock", "sock_mode", "certfile", "keyfile", "client_ca", "ssl_options",
    "transport",
)  # fmt: skip
ACCESS = (
    "token", "password", "hashed_password", "password_required", "allow_password_change", "cookie_options",
    "cookie_secret", "cookie_secret_file", "secure_cookie", "get_secure_cookie_kwargs", "allow_origin",
    "allow_origin_pat", "allow_credentials", "allow_remote_access", "local_hostnames", "allow_root",
    "disable_check_xsrf", "allow_unauthenticated_access", "authenticate_prometheus", "identity_provider_class",
    "authorizer_class", "login_handler_class", "logout_handler_class", "tornado_settings", "key", "signature_scheme",
    "nbconvert_csp_sandbox",
)  # fmt: skip
# The project, and other configurations.
FILES = ("root_dir", "notebook_dir", "config_file", "config_file_name", "jpserver_extensions")
# Folders whose files are given to everybody: Jupyter asks nobody who wants a part of its pages. And what else answers requests.
SERVED = (
    "extra_static_paths", "static_paths", "static_dir", "static_url_prefix", "themes_dir", "schemas_dir",
    "labextensions_path", "extra_labextensions_path", "labextensions_url", "themes_url", "app_dir", "extra_template_paths",
    "template_paths", "templates_dir", "files_handler_class", "handlers", "settings", "extra_services",
)  # fmt: skip
# With them Jupyter writes something, and ends.
INSTEAD = ("generate_config", "show_config", "show_config_json")
REFUSED = frozenset((*ADDRESS, *ACCESS, *FILES, *SERVED, *INSTEAD))
# All that is theirs: who somebody is, and what they may.
CLASSES = re.compile(r"\w*(IdentityProvider|Authorizer)|Session|(JupyterHub|Hub|SingleUser)\w*")


def parse(value: str) -> List[str]:
    """Return the options, as Jupyter's command line takes them.

    Args:
        value: separated by blanks, quoted as a shell has it.

    Raises:
        ConfigError: one is no option, or one that the image sets; no value is shown.
    """
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise ConfigError(f"invalid {VARIABLE}: expected quotes as a shell has them: {str(error).lower()}") from None
    refused = []
    for number, word in enumerate(words, 1):
        found = OPTION.fullmatch(word)
        if not found or not word.isprintable():
            named = NAMED.match(word)
            shown = named.group() if named else f"word {number}"
            raise ConfigError(
                f"invalid {VARIABLE}: {shown}: expected options such as --MappingKernelManager.cull_idle_timeout=3600,"
                " separated by blanks"
            )
        if found.group(2) in REFUSED or CLASSES.fullmatch(found.group(1)):
            refused.append(word.partition("=")[0])
    if refused:
        raise ConfigError(
            f"invalid {VARIABLE}: {', '.join(dict.fromkeys(refused))}: expected nothing of Jupyter's address, of who may"
            " use it, of its folder, and of what else it serves, which other variables and the image set"
        )
    return words
