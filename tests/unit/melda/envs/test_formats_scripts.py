"""Shells' scripts and Dockerfiles are known before what stands in them is: here-documents with lists, JSON, TOML and YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.envs import document, formats
from melda.envs.errors import UsageError
from melda.envs.formats import looks_like, scripts, shell_lines

from tests.unit.melda.envs.test_corpus import listed, planned

HELD = {
    "a list": "kudu==1.26\nlynx==2.0",
    "JSON": '{\n  "name": {"a": 1},\n  "packages": []\n}',
    "a lock": '{"Packages": {"zoo": {"Package": "zoo", "Version": "1.8"}}}',
    "TOML": '[project]\nname = "x"\ndependencies = ["kudu"]',
    "YAML": "channels: [x]\ndependencies:\n  - kudu",
    "a DESCRIPTION": "Type: project\nImports: zoo",
    "a document": "# Kudu\n\n```\nkudu==1.0\n```",
}
SCRIPT = "{0}cd /tmp\ncat > file <<'EOF'\n{1}\nEOF\npip install zebra\necho done\nokapi==1.0\n"


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("setup.sh", ""),
        ("postBuild", "#!/usr/bin/env -S bash -e\n"),
        ("setup", "#!/bin/sh\n"),
        ("Makefile", ""),
        (".zsh_history", ""),
    ],
)
def test_what_a_here_document_holds_is_not_read(name: str, first: str, held: str) -> None:
    found = formats.parse(SCRIPT.format(first, held), name)
    assert planned(found) == {"zebra"} and not listed(found)


@pytest.mark.parametrize("held", [one for name, one in HELD.items() if name != "a document"])
def test_nor_where_only_the_text_says_that_it_is_a_script(held: str) -> None:
    assert planned(formats.parse(SCRIPT.format("", held), "-")) == {"zebra"}
    assert planned(formats.parse("set -e\nkudu==1.0\npip install zebra\n", "pasted.txt")) == {"zebra"}


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("requirements.txt", "#!/bin/sh\nzebra==1.0\nset -e\nokapi\n", {"zebra", "okapi", "set"}),
        ("list.txt", "zebra==1.0\nokapi==2.0\nexport TOKEN=x\n", {"zebra", "okapi"}),
        ("environment.yml", "#!/bin/sh\ndependencies:\n  - zebra\n", {"zebra"}),
        ("README.md", "# x\n\n```sh\nset -e\npip install zebra\n```\n\n    okapi==1.0\n", {"zebra", "okapi"}),
    ],
)
def test_what_is_called_otherwise_is_no_script(name: str, text: str, wanted: set[str]) -> None:
    assert planned(formats.parse(text, name)) == wanted


def test_a_script_of_which_nothing_can_be_used_is_listed() -> None:
    text = "#!/bin/bash\nset -e\nRscript -e 'renv::restore()'\npip install -r requirements.txt\n"
    assert listed(formats.parse(text, "setup.sh")) == {"renv::restore", "requirements.txt"}
    assert listed(formats.parse("FROM x\nRUN easy_install zoo\n", "Dockerfile")) == {"easy_install"}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [("setup.sh", "#!/bin/bash\necho 1\n", "a shell's script"), ("x", "from debian AS a\nrun ls\n", "a Dockerfile")],
)
def test_a_script_that_installs_nothing(name: str, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        formats.parse(text, name)


def test_one_pattern_says_what_a_dockerfile_is() -> None:
    for text in ("FROM x\nRUN\tls\n", "ARG V\n from x AS y\n run a \\\n # c\n b\n", "FROM x\n RUN a \\\n\n b\n"):
        assert scripts.is_dockerfile(text) and looks_like.what(text).startswith("a Dockerfile")
    assert [line for _, line in shell_lines.numbered("from x\nrun a \\\n# c\n b\n")][-1] == "run a   b"
    assert not scripts.is_dockerfile("from zebra import okapi\nrun = 1\nrun (okapi)\n")


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.gpu", "gpu.Dockerfile", "Containerfile", "dockerfile-dev"])
def test_a_dockerfile_by_its_name(name: str) -> None:
    text = "from x\nCOPY <<EOF /list.txt\nkudu==1.0\nEOF\nRUN <<EOF\npip install zebra\nEOF\n"
    assert planned(formats.parse(text, name)) == {"zebra"}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("app.ini", "[x]\nlevel = 1\nzebra==1.0\n", "names no packages"),
        ("Project.toml", '[deps]\nZebra = "82899510"\n\n[compat]\njulia = "1"\nzebra\n', "Julia"),
        ("settings.toml", '[logging]\nlevel = "1"\nlist = [\n"zebra",\n"okapi",\n]\n', "names no packages"),
        ("Cargo.toml", '[package]\nname = "x"\n[dependencies]\nzebra = "1"\n', "Rust"),
        ("x.lock", '[[package]]\nname = "x"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\n', "Rust"),
        ("Cargo.lock", '[[package]]\nname = "x"\nversion = "1.0"\ndependencies = ["zebra"]\n', "Rust"),
        ("install.R", "#!/usr/bin/env Rscript\npkgs\nzebra\nokapi==1.0\n", "names no packages"),
        ("verify", "#!/usr/bin/env -S python3 -u\ntry:\n    import zebra\nelse:\n    raise\nok\n", "a program of Python's"),
        ("compose.yml", "services:\n  x:\n    command: pip install zebra\n", "YAML"),
        ("-", "import sys\nfrom x import y\nsetup(install_requires=[\n    'zebra==1.0',\n    'okapi==2',\n])\n", "Python's"),
        ("x.txt", "library(zebra)\nokapi==1\nibex <- 1\nlynx\nkudu\n", "R's"),
        ("app.conf", "zebra==1.0\n", "names no packages"),
    ],
)  # fmt: skip
def test_what_is_never_a_list(name: str, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        formats.parse(text, name)


def test_a_program_by_its_first_line_may_have_lines_of_a_notebook() -> None:
    text = "#!/usr/bin/python3\n# MAGIC %pip install zebra\nimport okapi\nibex==1.0\n"
    assert planned(formats.parse(text, "notebook")) == {"zebra"}


@pytest.mark.parametrize("name", ["requirements.txt", "-"])
def test_a_line_of_code_in_a_list_costs_itself(name: str) -> None:
    found = formats.parse("zebra==1.0\nimport okapi\nibex\n", name)
    assert planned(found) == {"zebra", "ibex"} and listed(found) == {"import"}


def test_what_was_typed_beside_code_is_read() -> None:
    assert planned(formats.parse("import zebra\nimport okapi\n%pip install ibex\n", "history.txt")) == {"ibex"}
    assert planned(formats.parse("import zebra\nimport okapi\n\n    pip install ibex\n", "README")) == {"ibex"}


@pytest.mark.parametrize(
    ("copies", "name", "wanted"),
    [
        ("COPY --chown=1000 requirements.txt /tmp/\n", "/tmp/requirements.txt", {"zebra"}),
        ("ADD requirements.txt more.txt /tmp\n", "/tmp/more.txt", {"okapi"}),
        ("COPY more.txt /tmp/needs.txt\n", "/tmp/needs.txt", {"okapi"}),
        ('COPY ["more.txt", "/tmp/needs.txt"]\n', "/tmp/needs.txt", {"okapi"}),
        ("WORKDIR /srv\nWORKDIR app\nCOPY . .\n", "/srv/app/within/all.txt", {"ibex"}),
        ("COPY within /app\n", "/app/all.txt", {"ibex"}),
        ("COPY within/all.txt /app/\n", "/app/all.txt", {"ibex"}),
        ("COPY more.txt /x.txt\nCOPY requirements.txt /x.txt\n", "/x.txt", set()),
        ("COPY requirements.txt /app/\nCOPY . /app\n", "/app/requirements.txt", {"zebra"}),
        ("COPY requirements.txt more.txt /app/\n", "/app/requirements.txt", {"zebra"}),
        ("COPY /more.txt /app/\n", "/app/more.txt", {"okapi"}),
        ("COPY requirements.txt docker/start.sh /app/\n", "/app/requirements.txt", set()),
        ("WORKDIR $HOME\nCOPY more.txt .\n", "/more.txt", set()),
        ("COPY a\0b /x.txt\n", "/x.txt", set()),
        ("COPY link.txt /x.txt\n", "/x.txt", set()),
        ("COPY up /x\n", "/x/outside.txt", set()),
        ("COPY . /app\n", "/app/within/more.txt", {"quagga"}),
        ('COPY "more.txt /x.txt\n', "/x.txt", set()),
        ("COPY --from=build more.txt /x.txt\n", "/x.txt", set()),
        ("COPY . /app\n", "/app/../../outside.txt", set()),
        ("COPY ../outside.txt /app/\n", "/app/outside.txt", set()),
        ("COPY /outside.txt /app/\n", "/app/outside.txt", set()),
        ("", "/tmp/requirements.txt", set()),
    ],
)
def test_a_file_that_a_dockerfile_copies_is_the_one_beside_it(
    tmp_path: Path, copies: str, name: str, wanted: set[str]
) -> None:
    folder = tmp_path / "project"
    (folder / "within").mkdir(parents=True)
    for path, text in (
        ("requirements.txt", "zebra"),
        ("more.txt", "okapi"),
        ("within/all.txt", "ibex"),
        ("within/more.txt", "-r next.txt"),
        ("within/next.txt", "quagga"),
        ("../outside.txt", "no"),
        ("next.txt", "no"),
    ):
        (folder / path).write_text(text)
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "up").symlink_to(tmp_path)
    found = formats.parse(f"FROM debian:12\n{copies}RUN pip install -r {name}\n", str(folder / "Dockerfile"))
    assert planned(found) == wanted and bool(listed(found)) == (not wanted)
    assert any("beside this file" in one for one in found[formats.NOTES]) == bool(wanted)


@pytest.mark.parametrize(
    ("copies", "above", "wanted"),
    [
        ("COPY . /app\n", ["needs.txt"], False),
        ("COPY needs.txt /app/\n", ["needs.txt"], False),
        ("COPY . /app\nCOPY start.sh /\n", ["needs.txt"], True),
        ("COPY . /app\nCOPY start.sh /\n", ["needs.txt", "start.sh"], False),
        ("COPY . /app\nCOPY more.sh /\n", [], False),
        ("COPY . /app\n", [], True),
    ],
)
def test_a_dockerfile_whose_folder_may_not_be_the_one_copied_from_is_not_followed(
    tmp_path: Path, copies: str, above: list[str], wanted: bool
) -> None:
    (tmp_path / "docker").mkdir()
    for name in (*above, "docker/needs.txt", "docker/start.sh"):
        (tmp_path / name).write_text("zebra" if "/" in name else "okapi")
    text = f"FROM debian:12\n{copies}RUN pip install -r /app/needs.txt\n"
    found = formats.parse(text, str(tmp_path / "docker" / "Dockerfile"))
    assert planned(found) == ({"zebra"} if wanted else set()) and bool(listed(found)) == (not wanted)


def test_a_file_above_the_repository_of_a_dockerfile_is_not_meant(tmp_path: Path) -> None:
    (tmp_path / "x" / ".git").mkdir(parents=True)
    for name in ("needs.txt", "x/needs.txt"):
        (tmp_path / name).write_text("zebra" if "/" in name else "okapi")
    found = formats.parse(
        "FROM debian:12\nCOPY . /app\nRUN pip install -r /app/needs.txt\n", str(tmp_path / "x" / "Dockerfile")
    )
    assert planned(found) == {"zebra"}


def test_a_file_that_a_dockerfile_mounts_is_the_one_beside_it(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("zebra")
    text = (
        "FROM debian:12\nRUN --mount=type=cache,target=/c --mount=type=bind,source=requirements.txt,target=/tmp/r.txt"
    )
    found = formats.parse(text + " pip install -r /tmp/r.txt\n", str(tmp_path / "Dockerfile"))
    assert planned(found) == {"zebra"} and not listed(found)


@pytest.mark.parametrize(
    "command",
    ["conda env create -f x.yml", "Rscript /x/install.R", 'R -e "renv::restore()"', "python setup.py install"],
)
def test_a_command_whose_packages_stand_in_a_file_says_to_hand_that_one(command: str) -> None:
    found = formats.parse(f"FROM debian:12\nRUN {command}\n", "Dockerfile")
    assert ["hand that one to melda-env restore" in one["reason"] for one in found[document.PROBLEMS]] == [True]


SETUPS = (
    "needs = open('requirements.txt').read().splitlines()",
    "with open('requirements.txt') as f:\n    needs = [x.strip() for x in f]\nwith open('requirements-dev.txt') as f:\n    a = f",
    "needs = []\nwith open(os.path.join(here, 'requirements.txt')) as f:\n    for line in f:\n        needs.append(line)",
    "def parse(name):\n    return [x for x in open(name)]\nneeds = parse('requirements.txt')\nno = parse('requirements-dev.txt')",
    "needs = [str(one.req) for one in parse_requirements('requirements.txt', session=False)]",
)


@pytest.mark.parametrize("said", SETUPS)
def test_a_setup_py_that_reads_a_file_includes_it(tmp_path: Path, said: str) -> None:
    (tmp_path / "requirements.txt").write_text("zebra>=1\n")
    (tmp_path / "requirements-dev.txt").write_text("no\n")
    text = f"from setuptools import setup\n{said}\nsetup(name='x', install_requires=needs, url=open('README.md'))\n"
    found = formats.parse(text, str(tmp_path / "setup.py"))
    assert planned(found) == {"zebra"} and not listed(found)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("os.path.join('within', 'requirements.txt')", {"okapi"}),
        ("Path(__file__).parent / 'within' / 'requirements.txt'", {"okapi"}),
        ("'within/' + 'requirements.txt'", {"okapi"}),
        ("here + '/' + 'requirements.txt'", {"zebra"}),
        ("os.path.join(here, '..', 'requirements.txt')", set()),
        ("os.path.join(here, name, 'requirements.txt')", set()),
    ],
)
def test_a_setup_py_that_reads_a_file_of_a_folder_includes_that_one(
    tmp_path: Path, said: str, wanted: set[str]
) -> None:
    (tmp_path / "within").mkdir()
    (tmp_path / "requirements.txt").write_text("zebra")
    (tmp_path / "within" / "requirements.txt").write_text("okapi")
    text = f"from setuptools import setup\nsetup(name='x', install_requires=list(open({said})))\n"
    found = formats.parse(text, str(tmp_path / "setup.py"))
    assert planned(found) == wanted and bool(listed(found)) == (not wanted)


def test_a_setup_py_that_reads_one_of_two_files_is_told() -> None:
    text = (
        "from setuptools import setup\nneeds = open('requirements.txt' if x else 'requirements-gpu.txt').readlines()\n"
    )
    assert listed(formats.parse(text + "setup(name='x', install_requires=needs)\n", "setup.py")) == {"install_requires"}
