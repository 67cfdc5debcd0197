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


# Called in cells: what programs write is shown, as on a terminal.
IN_CELLS = """
status <- system("echo out; echo err >&2; echo; echo; printf end; exit 1")
system2("echo", c("two", "words"))
cat(status, system("echo kept", intern = TRUE), system2("echo", "kept", stdout = TRUE), base::system("exit 3"), "\\n")
system("echo hidden", ignore.stdout = TRUE); system("echo hidden >&2", ignore.stderr = TRUE)
system("cat", input = "read"); system2("sh", c("-c", "'cat; echo $MELDA'"), input = "read", env = "MELDA=set")
browseURL("https://example.org"); browseURL("http://127.0.0.1:1/doc")
utils:::.assignLinebuffer("library(dply"); utils:::.assignEnd(12L); utils:::.guessTokenFromLine(); utils:::.completeToken()
cat(utils:::.retrieveCompletions(), "\\n")
"""
VANILLA = "Rscript --vanilla -e 'cat(.libPaths()[1])'"


def test_what_programs_write_is_shown_in_rs_cells(terminal: Service) -> None:
    with terminal.notebook.start("ir") as kernel:
        done = kernel.run(IN_CELLS)
        assert done.status == "ok", done
        assert done.stdout == "out\nerr\n\n\nend\ntwo words\n1 kept kept 3 \nread\nread\nset\ndplyr \n", done
        assert "Open it in your browser: https://example.org" in done.stderr and "?NAME" in done.stderr
        asked = kernel.run('cat(menu(c("one", "two"), title = "Which?"), "\\n")', typed=("three", "2"))
        assert asked.stdout.splitlines()[0::3] == ["Which?", "Enter an item from the menu, or 0 to exit"], asked
        assert asked.stdout.splitlines()[-1] == "2 ", asked
        assert "non-interactively" in kernel.run('menu("one")', timeout=20).error
        assert kernel.run('cat(nchar(readline("Name: ")))', timeout=20).stdout == "0", "it waited for ever"
        asked = kernel.run('cat(askpass::askpass("Password: "))', typed=("secret",))
        assert asked.stdout == "secret", asked
        for refused in ("f <- print; fix(f)", 'file.edit("x")', "vi(1)", "file.choose()"):
            assert "there is no " in kernel.run(refused, timeout=20).error, "it waits for nobody"
        hidden = kernel.run('file.edit("~/.Renviron")', timeout=20).error
        assert "in a terminal: nano '/home/melda/.Renviron'; it ends with the container" in hidden
        assert kernel.run('cat(Sys.getenv("RETICULATE_REMAP_OUTPUT_STREAMS"))').stdout == "1"
        assert kernel.run(f'system("{VANILLA}")').stdout.strip() == "/home/melda/project/R-4.2.2"
    assert typed(terminal, VANILLA) == ["/home/melda/project/R-4.2.2"]


# Not in core: what shows bars, and a package that Debian takes files out of.
MORE = "apt-get update -qq && apt-get install -q -y --no-install-recommends r-cran-dt r-cran-progress r-cran-progressr"
SAID = 'message("a", appendLF = FALSE); message("b"); rlang::inform("c"); cli::cli_text("d")'
BAR = "options(cli.progress_show_after = 0); for (i in cli::cli_progress_along(1:3)) Sys.sleep(0.3)"
PROGRESS = 'progressr::handlers("{}"); progressr::with_progress({{p <- progressr::progressor(4); for (i in 1:4) p()}})'
PAGES = """
tables <- file.path(tempdir(), paste0(c("default", "bootstrap"), ".html"))
htmlwidgets::saveWidget(DT::datatable(iris), tables[1])
htmlwidgets::saveWidget(DT::datatable(iris, style = "bootstrap"), tables[2])
cat(any(grepl("data:image/png;base64", readLines(tables[1], warn = FALSE), fixed = TRUE)), file.exists(tables[2]), "")
icons <- htmltools::attachDependencies(htmltools::div("shown"), rmarkdown::html_dependency_font_awesome())
htmltools::save_html(icons, file.path(tempdir(), "icons.html"))
slider <- htmltools::findDependencies(shiny::sliderInput("day", "Day", Sys.Date(), Sys.Date() + 9, Sys.Date()))
www <- function(one) file.path(system.file(one$src$file, package = "shiny"), one$script)
cat(all(file.exists(unlist(lapply(slider, www)))), "")
writeLines("## Slide", "slides.Rmd")
cat(tryCatch(rmarkdown::render("slides.Rmd", "ioslides_presentation", quiet = TRUE), error = conditionMessage))
"""


@pytest.fixture(scope="module")
def more(terminal: Service) -> Service:
    terminal.run(MORE, timeout=300)
    return terminal


def test_bars_of_progress_stay_on_their_line(more: Service) -> None:
    with more.notebook.start("ir") as kernel:
        assert kernel.run(SAID).stderr == "ab\nc\nd\n"
        bar = kernel.run(BAR).stderr
        assert bar.count("\r") > 3 and "\n" not in bar and "67%" in bar, bar
        assert kernel.run('cli::cli_text("next")').stderr == "next\n", "nothing of the cell before is left"
        said = kernel.run(f'{BAR}; cli::cli_text("next"); message("last")').stderr
        # Blanks take away what JupyterLab would show of the bar, colours and all.
        assert [line.rpartition("\r")[2] for line in said.split("\n")[:2]] == ["next", "last"] and " " * 100 in said, (
            said
        )
        for name in ("txtprogressbar", "cli", "progress"):
            bar = kernel.run(PROGRESS.format(name))
            shown = bar.stdout + bar.stderr
            assert bar.status == "ok" and "50%" in shown and "\n" not in shown, (name, bar)


def test_pages_of_debians_packages(more: Service) -> None:
    table = more.notebook.run("ir", 'DT::datatable(iris, style = "bootstrap")')
    assert (table.status, table.stderr) == ("ok", ""), table
    shown = typed(more, f"Rscript - <<'R'\n{PAGES}\nR")
    assert shown[-1].startswith("TRUE TRUE TRUE ioslides_presentation: Debian's package of rmarkdown comes without"), (
        shown
    )


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


def test_python_can_be_embedded_and_plots_have_letters_of_all_scripts(terminal: Service) -> None:
    with terminal.notebook.start("python3") as kernel:
        assert kernel.run(EMBEDDED).stdout == "True\n"
        python = kernel.run(IN_PYTHON)
    assert (python.status, python.stderr) == ("ok", ""), python
    r = terminal.notebook.run("ir", IN_R)
    assert (r.status, r.stderr) == ("ok", ""), r
    assert r.stdout == "WenQuanYi Micro Hei,文泉驛微米黑,文泉驿微米黑; Lohit Devanagari; Loma", r.stdout


def test_without_a_key_there_is_no_sshd(terminal: Service) -> None:
    assert "sshd" not in terminal.run("cat /proc/[0-9]*/comm")


def test_uv_is_not_roots(terminal: Service) -> None:
    assert terminal.run("uv pip list; echo $?").splitlines()[-2:] == [
        "uv: it installs for the user: expected the user to call it, not root",
        "2",
    ]
