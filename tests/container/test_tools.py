"""What people type in a terminal, and what packages are built with, in every image; each does its main thing once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .services import Service, running

TOOLS = """
set -e
cd; rm -rf tools; mkdir tools; cd tools
git init -q repository; cd repository; echo 1 >file; git add file
git -c user.name=Ada -c user.email=ada@example.org commit -qm first; git log --format='git %an %s' | cat; cd ..
echo '{"a": [1, 2]}' | jq -c '.a[1]' | sed 's/^/jq /'
rsync -a repository/ copy/; tree --noreport copy | tail -1
printf 'less\\n' | less
man -P cat git-commit 2>/dev/null | grep -c 'Record changes to the repository' | sed 's/^/man /'
TERM=xterm tmux -L test new-session -d 'cat' && tmux -L test kill-server && echo tmux
nano --version | grep -c GNU | sed 's/^/nano /'
curl -s file://$PWD/repository/file | sed 's/^/curl /'
"""
SHOWN = ["git Ada first", "jq 2", "└── file", "less", "man 1", "tmux", "nano 1", "curl 1"]
# A source package with C in it, built without a network.
EXTENSION = """
set -e
cd; rm -rf ext; mkdir ext; cd ext
cat >setup.py <<'END'
from setuptools import Extension, setup
setup(name="meldaext", version="1.0", ext_modules=[Extension("meldaext", ["meldaext.c"])])
END
cat >meldaext.c <<'END'
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "meldaext", 0, -1, 0};
PyMODINIT_FUNC PyInit_meldaext(void) {
    PyObject *made = PyModule_Create(&module);
    PyModule_AddIntConstant(made, "answer", 42);
    return made;
}
END
pip install -q --no-index --no-build-isolation --disable-pip-version-check .
python -c 'import meldaext; print(meldaext.answer)'
pip uninstall -q -y meldaext
"""
# Where reticulate looks, and whoever else embeds Python; the image's numpy is in it.
EMBEDDED = """
import ctypes, sysconfig
library = ctypes.PyDLL(sysconfig.get_config_var("LDLIBRARY"))
library.Py_GetVersion.restype = ctypes.c_char_p
print(library.Py_GetVersion().decode().startswith(sysconfig.get_python_version() + "."))
"""


@pytest.fixture(scope="module")
def terminal(docker: str, image: str) -> Iterator[Service]:
    """A container in whose terminal something is typed."""
    with running(docker, image) as service:
        yield service


def typed(service: Service, text: str) -> list[str]:
    return service.run(f"cat >/tmp/typed <<'TYPED'\n{text}\nTYPED\nsu - melda -c 'bash /tmp/typed'").splitlines()


def test_the_tools(terminal: Service) -> None:
    assert typed(terminal, TOOLS) == SHOWN


def test_a_source_package_is_compiled(terminal: Service) -> None:
    assert typed(terminal, EXTENSION)[-1] == "42"


def test_python_can_be_embedded(terminal: Service) -> None:
    assert terminal.notebook.run("python3", EMBEDDED).stdout == "True\n"


# Called in cells: what programs write is shown, as on a terminal.
IN_CELLS = """
status <- system("echo out; echo err >&2; echo; echo; printf end; exit 1")
system2("echo", c("two", "words"))
cat(status, system("echo kept", intern = TRUE), system2("echo", "kept", stdout = TRUE), base::system("exit 3"), "\\n")
system("echo hidden", ignore.stdout = TRUE); system("echo hidden >&2", ignore.stderr = TRUE)
browseURL("https://example.org"); browseURL("http://127.0.0.1:1/doc")
utils:::.assignLinebuffer("library(dply"); utils:::.assignEnd(12L); utils:::.guessTokenFromLine(); utils:::.completeToken()
cat(utils:::.retrieveCompletions(), "\\n")
"""
VANILLA = "Rscript --vanilla -e 'cat(.libPaths()[1])'"


def test_what_programs_write_is_shown_in_rs_cells(terminal: Service) -> None:
    with terminal.notebook.start("ir") as kernel:
        done = kernel.run(IN_CELLS)
        assert done.status == "ok", done
        assert done.stdout == "out\nerr\n\n\nend\ntwo words\n1 kept kept 3 \ndplyr \n", done
        assert "Open it in your browser: https://example.org" in done.stderr and "?NAME" in done.stderr
        asked = kernel.run('cat(menu(c("one", "two"), title = "Which?"), "\\n")', typed=("three", "2"))
        assert asked.stdout.splitlines()[0::3] == ["Which?", "Enter an item from the menu, or 0 to exit"], asked
        assert asked.stdout.splitlines()[-1] == "2 ", asked
        assert "non-interactively" in kernel.run('menu("one")', timeout=20).error
        assert kernel.run(f'system("{VANILLA}")').stdout.strip() == "/home/melda/project/R-4.2.2"
    assert typed(terminal, VANILLA) == ["/home/melda/project/R-4.2.2"]


SCRIPTS = "数据 日本語 한국어 हिन्दी ภาษาไทย"
IN_PYTHON = f"""
import io, warnings, matplotlib.pyplot as plt
warnings.simplefilter("error")
plt.title("{SCRIPTS}")
for form in ("png", "pdf", "svg"):
    plt.savefig(io.BytesIO(), format=form)
"""
IN_R = f"""
options(warn = 2)
cairo_pdf(tempfile()); plot(1, main = "{SCRIPTS}"); invisible(dev.off())
cat(system("fc-match :lang=ko family; fc-match :lang=hi family; fc-match :lang=th family", intern = TRUE), sep = "; ")
"""


def test_plots_have_letters_of_all_scripts(terminal: Service) -> None:
    python = terminal.notebook.run("python3", IN_PYTHON)
    assert (python.status, python.stderr) == ("ok", ""), python
    r = terminal.notebook.run("ir", IN_R)
    assert (r.status, r.stderr) == ("ok", ""), r
    assert r.stdout == "WenQuanYi Micro Hei,文泉驛微米黑,文泉驿微米黑; Lohit Devanagari; Loma", r.stdout


def test_uv_is_not_roots(terminal: Service) -> None:
    assert terminal.run("uv pip list; echo $?").splitlines()[-2:] == [
        "uv: it installs for the user: expected the user to call it, not root",
        "2",
    ]
