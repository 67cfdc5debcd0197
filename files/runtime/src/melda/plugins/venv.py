"""The user's own Python packages: a virtual environment in the project, on top of the image's.

So that pip can install, upgrade and remove there as it does anywhere, and sees what the image has. Everything in the
folder is relative but the links to the image.
"""

from __future__ import annotations

import os
import secrets
import shutil

from melda.base import folders, interpreters, textfiles

# Read after all others of the folder, whose .pth files come before the image's packages.
PATH_FILE = "zz-melda-image.pth"
IMPORT = "import melda_plugins; melda_plugins.arrange()"
PIP_PYTHON = "pip-python"
# pip takes the Python that its configuration names, also a pip of another environment, which must stay in its own: that of
# the Python that runs pip (pipx's environments share one pip, others take the image's), or that of the pip itself.
# pip's first argument is a file in the pip that was called.
PIP_PYTHON_SCRIPT = """\
#!/bin/sh
# ~/.pip/pip.conf names this as pip's Python: what pip installs goes into this folder.
bin=${{0%/*}}
caller= pip=
while IFS= read -r word; do
    : "${{caller:=$word}}"
    case ${{word##*/}} in pip | pip[0-9]* | pip.pyz | pip-*.whl) pip=yes ;; esac
done <<WORDS
$(tr '\\0' '\\n' 2>/dev/null </proc/$PPID/cmdline)
WORDS
case $caller in
    /*) ;;
    */*) caller=$(readlink /proc/$PPID/cwd)/$caller ;;
    *) caller=$(command -v "$caller") ;;
esac
venv=${{caller%/*}}/../pyvenv.cfg
if [ "$pip" ] && [ -x "$caller" ] && [ -f "$venv" ]; then
    [ "$venv" -ef {image}/pyvenv.cfg ] || [ "$venv" -ef "$bin/../pyvenv.cfg" ] || exec "$caller" "$@"
fi
case $1 in
    {image}/* | "${{bin%/bin}}"/*) ;;
    */lib/python*/site-packages/pip/*)
        other=${{1%/lib/python*}}/bin/python
        [ -x "$other" ] && exec "$other" "$@"
        ;;
esac
# What --user of other machines means is the case here, and pip refuses it in an environment.
case " $* " in *" install "*)
    for word; do
        shift
        [ "$word" = --user ] || set -- "$@" "$word"
    done
    export PIP_USER=0
esac
exec "$bin/python" "$@"
"""


def _python(path: str, target: str) -> None:
    """``path`` is the interpreter ``target``: a link, or where there are none a copy, as venv does it."""
    if os.path.islink(path) and os.readlink(path) == target:
        return
    if os.path.lexists(path):
        if not os.path.islink(path) and os.path.isfile(path) and os.access(path, os.X_OK):
            return  # a copy
        if os.path.islink(path):
            os.unlink(path)
        else:
            folders.move_aside(path)
    try:
        os.symlink(target, path)
    except OSError:
        source = os.path.join(os.path.dirname(path), target)
        new = f"{path}.{secrets.token_hex(4)}"
        shutil.copyfile(source, new)
        os.chmod(new, 0o755)  # nosec B103 # noqa: S103 an interpreter is for everybody
        os.replace(new, path)


def _file(path: str, text: str, mode: int = 0o644) -> None:
    if os.path.isdir(path):
        folders.move_aside(path)
    textfiles.write_if_changed(path, text, mode)
    if os.stat(path).st_mode & mode & 0o111 != mode & 0o111:
        os.chmod(path, mode)


def for_pip(root: str) -> str:
    """Return what pip's configuration names as its Python."""
    return os.path.join(root, "bin", PIP_PYTHON)


def make(root: str, env: str, version: str) -> None:
    """Make the environment, or what is missing of it. Doing it again changes nothing."""
    python = env + "/bin/python"
    folders.make(root)
    binaries = folders.make(root, "bin")
    packages = folders.make(root, *os.path.relpath(interpreters.site_packages(root, version), root).split("/"))
    home = os.path.dirname(os.path.realpath(python))
    # `home` is what makes it a virtual environment: where the Python without packages lies.
    _file(
        os.path.join(root, "pyvenv.cfg"),
        f"home = {home}\ninclude-system-site-packages = false\nversion = {version}\n",
    )
    _python(os.path.join(binaries, "python"), python)
    for name in ("python3", "python" + version.rsplit(".", 1)[0]):
        _python(os.path.join(binaries, name), "python")
    image = interpreters.site_packages(env, version)
    _file(os.path.join(packages, PATH_FILE), f"{image}\n{IMPORT}\n")
    _file(os.path.join(binaries, PIP_PYTHON), PIP_PYTHON_SCRIPT.format(image=env), 0o755)


def repair(root: str, version: str) -> None:
    """After a container that was interrupted: forget distributions that were being installed.

    pip would take them for installed and could not remove them; forgotten, they can be installed again. Nothing
    may be installing meanwhile.
    """
    packages = interpreters.site_packages(root, version)
    for name in os.listdir(packages):
        path = os.path.join(packages, name)
        # Written last by every installer. ~ is pip's: what it takes away in an upgrade.
        interrupted = name.endswith(".dist-info") and not os.path.exists(os.path.join(path, "RECORD"))
        if interrupted or name.startswith("~"):
            folders.clear(path)
