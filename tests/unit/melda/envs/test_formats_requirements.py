"""requirements.txt: what is taken of it, and what would have an installer look elsewhere."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest
from melda.envs import document, formats
from melda.envs.errors import UsageError

from tests.unit.melda.envs.test_corpus import planned
from tests.unit.melda.envs.test_formats import COMMIT, SHA, packages

REQUIREMENTS = f"""\
# a comment
Zebra.Horse==1.0  # another
yak == 2.0 ; python_version >= "3"
old==1 ; python_version < "3"
gnu==1.0 \\
    --hash=sha256:{SHA} \\
    --hash=sha256:{"b" * 64}
lion[mane]==3.0
owl @ https://example.org/owl-1.0-py3-none-any.whl#sha256={SHA}
cat @ git+https://example.org/cat.git@{COMMIT}#subdirectory=a%20b
"""


def test_requirements() -> None:
    found = formats.parse(REQUIREMENTS, "requirements.txt")
    assert packages(found) == [
        ("cat", "", "vcs"), ("gnu", "1.0", "index"), ("lion", "3.0", "index"), ("owl", "", "url"), ("yak", "2.0", "index"),
        ("zebra-horse", "1.0", "index"),
    ]  # fmt: skip
    by_name = {entry["name"]: entry for entry in found["python"]["packages"]}
    assert by_name["gnu"]["hashes"] == [f"sha256:{SHA}", f"sha256:{'b' * 64}"]
    assert by_name["owl"]["source"]["hashes"] == [f"sha256:{SHA}"]
    assert by_name["cat"]["source"]["subdirectory"] == "a b"


def test_requirements_that_name_no_version(tmp_path: Path) -> None:
    found = formats.parse("zebra>=1\nyak[x]\ngnu==1.*\nowl[y]==2.0\n", "requirements.txt")
    assert found[formats.WANTS]["requirements"] == ["zebra>=1", "yak[x]", "gnu==1.*", "owl[y]==2.0"]
    (tmp_path / "requirements.txt").write_text("zebra>=1")
    with pytest.raises(UsageError, match="names no version"):
        formats.read(str(tmp_path / "requirements.txt"))


@pytest.mark.parametrize(
    "line",
    [
        "-r other.txt", "-e .", "--index-url https://evil.example", "-i https://evil.example", "-f .", "-c x",
        "zebra==1.0 --index-url=https://evil.example", "zebra==1.0 --global-option=x", "--hash=sha256:" + SHA,
        "./zebra.whl", "/tmp/zebra.whl", "zebra @ file:///tmp/zebra.whl", "C:\\x\\zebra.whl", "~/zebra", "-r /etc/passwd",
        "-r ../x.txt", "-r https://evil.example/x.txt", "-c https://evil.example/x.txt",
        "zebra @ https://169.254.169.254/x.whl", "zebra @ https://%31%32%37.0.0.1/x.whl",
        "zebra @ git+ssh://localhost/x@" + COMMIT,
        "zebra @ git+file:///x@" + COMMIT, "zebra==1.0; evil", "../zebra==1", "zebra @ hg+https://evil.example/x",
        "zebra==1.0\nzebra==2.0", "zebra==1.0 --hash=md5:" + "a" * 32, "zebra==" + "1" * 300, "zebra==--pre", "\x00",
        "zebra==2013b-x", "zebra=>1", "<<<<<<< HEAD", "https://evil.example/", "zebra @ https://evil.example/${HOME}/x.whl",
    ],
)  # fmt: skip
def test_what_would_look_elsewhere_costs_itself(line: str) -> None:
    found = formats.parse(f"good==1.0\n{line}\nfine==2.0", "requirements.txt")
    assert {"good", "fine"} <= {one["name"] for one in found["python"]["packages"]}
    assert found.get(document.PROBLEMS) or found[formats.NOTES]
    assert "evil" not in json.dumps([found["python"], found[formats.WANTS]]) and "file:" not in json.dumps(
        found["python"]
    )
    assert "169.254" not in json.dumps(found["python"])


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("zebra @ http://example.org/x.whl", {"type": "url", "url": "https://example.org/x.whl"}),
        ("https://example.org/zebra-1.0-py3-none-any.whl", {"type": "url", "url": "https://example.org/zebra-1.0-py3-none-any.whl"}),
        ("zebra @ git+https://example.org/x@main", {"ref": "main"}), ("git+https://example.org/zebra.git", {"ref": "HEAD"}),
        ("git+ssh://git@example.org/zebra.git@v1", {"url": "ssh://example.org/zebra.git", "ref": "v1"}),
        ("git+git@example.org:a/zebra.git", {"url": "ssh://example.org/a/zebra.git"}),
        ("-e git+https://github.com/a/b@" + COMMIT.upper() + "#egg=zebra&subdirectory=./c",
         {"commit": COMMIT, "subdirectory": "c"}),
        ("https://github.com/a/zebra", {"type": "vcs", "url": "https://github.com/a/zebra"}),
        ("https://github.com/a/b/archive/zebra-1.0.zip", {"type": "url"}),
    ],
)  # fmt: skip
def test_addresses_as_people_write_them(line: str, source: dict[str, str]) -> None:
    (found,) = formats.parse(line, "requirements.txt")["python"]["packages"]
    assert found["name"] == "zebra" and found["source"].items() >= source.items()


@pytest.mark.parametrize(
    ("text", "r", "bad"),
    [
        ("python-{0}.{1}\n", "", False), ("python-{0}\n", "", False), ("python-{0}.{1}.{2}\n", "", False),
        ("python-2.7\n", "", True), ("r-4.2-2026-06-24\n", "4.2", False), ("r-4.2.2-2026-06-24\n", "4.2.2", False),
        ("r-2019-04-12\n", "", False),
    ],
)  # fmt: skip
def test_runtime_txt_of_binder(text: str, r: str, bad: bool) -> None:
    """https://repo2docker.readthedocs.io/en/latest/configuration/ names a language, and no package."""
    found = formats.parse(text.format(*platform.python_version_tuple()), "runtime.txt")
    assert formats.WANTS not in found and packages(found) == [] and found["r"]["version"] == r
    assert [one["name"] for one in found.get(document.PROBLEMS, [])] == (["python"] if bad else [])


GIT = "https://github.com/a/zebra"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", f"zebra[mane,tail] @ git+{GIT}\n"),
        ("requirements.txt", f"zebra[mane] @ git+{GIT}\nzebra[tail] @ git+{GIT}\n"),
        ("requirements.txt", f"git+{GIT}#egg=zebra[mane,tail]\n"),
        ("requirements.txt", f"-e git+{GIT}#egg=zebra%5Bmane,tail%5D\n"),
        ("requirements.txt", "zebra[tail, mane] @ https://example.org/zebra-1.0-py3-none-any.whl\n"),
        ("environment.yml", f"dependencies:\n- pip:\n  - zebra[mane,tail] @ git+{GIT}\n"),
        ("pyproject.toml", f'[tool.poetry.dependencies]\nzebra = {{git = "{GIT}", extras = ["mane", "tail"]}}\n'),
        ("Pipfile", f'[packages]\nzebra = {{git = "{GIT}", extras = ["mane", "tail"]}}\n'),
        ("Pipfile.lock", f'{{"default": {{"zebra": {{"git": "{GIT}", "ref": "v1", "extras": ["mane", "tail"]}}}}}}'),
        (
            "pyproject.toml",
            f'[project]\nname = "x"\ndependencies = ["zebra[mane,tail]>=1"]\n[tool.uv.sources]\nzebra = {{git = "{GIT}"}}\n',
        ),
    ],
)
def test_extras_of_an_address(name: str, text: str) -> None:
    found = formats.parse(text, name)
    assert found[formats.WANTS]["direct"] == {"zebra": ["mane", "tail"]} and document.PROBLEMS not in found


def test_an_extra_that_is_no_name_costs_itself() -> None:
    about = {"git": GIT, "ref": "v1", "extras": ["mane", "x] @ file:///etc/passwd\nevil"]}
    lock = {"zebra": about, "yak": {"version": "==1.0", "extras": about["extras"]}}
    found = formats.parse(json.dumps({"default": lock}), "Pipfile.lock")
    assert found[formats.WANTS]["direct"] == {"zebra": ["mane"]}
    assert found[formats.WANTS]["requirements"] == ["yak[mane]==1.0"]
    assert [one["name"] for one in found[document.PROBLEMS]] == ["zebra", "yak"]


def test_a_marker_beside_a_source_of_uvs_counts() -> None:
    text = "[project]\nname = 'x'\ndependencies = [\"zebra; sys_platform == 'win32'\"]\n"
    found = formats.parse(f"{text}[tool.uv.sources]\nzebra = {{git = '{GIT}'}}\n", "pyproject.toml")
    assert packages(found) == []


TOKEN = "S3cr3tOfAnIndex" * 20  # longer than what is shown of a line, so that the @ behind it is cut off


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", f"good==1.0\n--extra-index-url https://aws:{TOKEN}@host.example/simple\n"),
        ("requirements.txt", f"good==1.0 --index-url https://aws:{TOKEN}@host.example/simple\n"),
        ("requirements.txt", f"good==1.0\n-e ./x/https://aws:{TOKEN}@host.example/simple\n"),
        ("requirements.txt", f"good==1.0\n!!https://aws:{TOKEN}@host.example/simple\n"),
        ("requirements.txt", f"good==1.0\nhg+https://aws:{TOKEN}@host.example/simple\n"),
        ("requirements.txt", f"good==1.0\n-r https://aws:{TOKEN}@host.example/x.txt\n"),
        ("environment.yml", f"dependencies:\n- good\n- 'x' - https://aws:{TOKEN}@host.example/x\n"),
        ("environment.yml", f"dependencies:\n- good\n- https://aws:{TOKEN}@host.example/x|y\n"),
        ("environment.yml", f"dependencies:\n- good\n- https://conda.example/t/tk-{TOKEN}/x::zebra=1|2\n"),
        ("environment.yml", f"dependencies:\n- good\n- https://conda.example/t/{TOKEN}/x/linux-64/zebra-1.0-0.conda\n"),
        ("x.txt", f"@EXPLICIT\nhttps://conda.example/t/{TOKEN}/x/linux-64/zebra-1.0.tar.bz2\n"),
        ("requirements.txt", f"good==1.0\n-i https://conda.example/t/{TOKEN}/simple\n"),
        ("Pipfile.lock", f'{{"default": {{"good": {{"version": "https://aws:{TOKEN}@host.example"}}}}}}'),
        ("Pipfile", f'[packages]\ngood = "*"\nx = "https://aws:{TOKEN}@host.example || 1"\ny = {{path = "//a:{TOKEN}@h"}}'),
        ("s.txt", f"package * version date source\ngood 1.0 2020-01-01 git2r (https://aws:{TOKEN}@host.example)\n"),
        ("s.txt", f"package * version date source\ngood https://aws:{TOKEN}@host.example 2020-01-01 CRAN\n"),
        ("renv.lock", f'{{"Packages": {{"good": {{"Version": "1.0", "Source": "https://aws:{TOKEN}@host.example"}}}}}}'),
        ("renv.lock", f'{{"Packages": {{"good": {{"Package": "https://aws:{TOKEN}@host.example", "Version": "1"}}}}}}'),
        ("DESCRIPTION", f"Package: x\nImports: good\nRemotes: svn::https://aws:{TOKEN}@host.example/x\n"),
    ],
)  # fmt: skip
def test_nothing_of_a_long_secret_is_told(name: str, text: str) -> None:
    assert TOKEN[:15] not in json.dumps(formats.parse(text, name))


def test_a_file_may_be_constraints_and_requirements_both(tmp_path: Path) -> None:
    (tmp_path / "both.txt").write_text("zebra==1.0\n-c both.txt\n-r both.txt\n")
    text = "dependencies:\n- pip:\n  - -c both.txt\n  - -r both.txt\n  - okapi\n"
    found = formats.parse(text, str(tmp_path / "environment.yml"))
    assert planned(found) == {"zebra", "okapi"} and set(found[formats.WANTS]["constraints"]) == {"zebra==1.0"}


def test_pytorch_is_torch_of_constraints_too(tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("pytorch<2\n")
    found = formats.parse("-c limits.txt\npytorch\n", str(tmp_path / "requirements.txt"))
    assert planned(found) == {"torch"} and found[formats.WANTS]["constraints"] == ["torch<2"]


def test_what_an_included_file_includes_is_beside_it(tmp_path: Path) -> None:
    (tmp_path / "within").mkdir()
    for name, text in (("base.txt", "no"), ("within/base.txt", "zebra\n-r ../above.txt"), ("above.txt", "okapi")):
        (tmp_path / name).write_text(text)
    (tmp_path / "within" / "dev.txt").write_text("-r base.txt\n")
    found = formats.parse("-r within/dev.txt\n", str(tmp_path / "requirements.txt"))
    assert planned(found) == {"zebra", "okapi"}
