"""Root's side of bspm: what may be installed and removed, and what is remembered."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.bspm import names, packages, record
from melda.bspm.record import Record

SIGNS = string.ascii_letters + string.digits
R_NAME = st.tuples(
    st.sampled_from(string.ascii_letters), st.text(SIGNS + ".", max_size=20), st.sampled_from(SIGNS)
).map("".join)
DEBIAN = {"r-cran-zoo", "r-cran-jsonlite", "r-bioc-limma", "r-cran-irkernel", "r-cran-data.table"}


class Apt:
    """apt-get with a memory: what is installed, what comes with what, and which calls were made."""

    def __init__(self, *installed: str) -> None:
        self.installed = set(installed)
        self.brings = {"r-cran-zoo": {"r-cran-zoo", "r-cran-lattice"}}
        self.needs = {"r-cran-jsonlite": {"r-cran-jsonlite", "r-cran-irkernel"}}
        self.broken: set[str] = set()
        self.calls: list[str] = []

    def ask(self, *command: str) -> str:
        arguments = [word for word in command if word.startswith("r-")]
        if command[0] == "apt-cache":
            return "\n".join([*DEBIAN, "r-base", "r-doc-html"])
        if command[0] == "dpkg-query":
            return "".join(f"ii  {name}\n" for name in self.installed)
        if "install" in command and self.broken & set(arguments):
            raise packages.Failed("unmet dependencies")
        going = set().union(*(self.needs.get(name, {name}) for name in arguments))
        return "".join(f"Remv {name} [1]\n" for name in sorted(going))

    def run(self, say: packages.Say, *command: str) -> None:
        arguments = [word for word in command if word.startswith("r-")]
        method = next(word for word in command if word in ("install", "remove"))
        self.calls.append(" ".join([method, *arguments]))
        if method == "install":
            self.installed |= set().union(*(self.brings.get(name, {name}) for name in arguments))
        else:
            self.installed -= set(arguments)
        say(f"{method}\n")


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    apt = Apt("r-cran-jsonlite", "r-cran-irkernel")
    monkeypatch.setattr(packages, "_ask", apt.ask)
    monkeypatch.setattr(packages, "_run", apt.run)
    monkeypatch.setattr(packages, "refresh", lambda say: None)
    path = str(tmp_path / "bspm.json")
    read, write = record.read, record.write
    monkeypatch.setattr(record, "read", lambda: read(path))
    monkeypatch.setattr(record, "write", lambda what: write(what, path))
    return apt


def silent(text: str) -> None:
    pass


def test_one_transaction_and_what_apt_has_not_is_answered(apt: Apt) -> None:
    assert packages.install(["zoo", "limma", "nothere"], silent) == ["nothere"]
    assert apt.calls == ["install r-bioc-limma r-cran-zoo"]
    assert record.read() == Record(("r-bioc-limma", "r-cran-zoo"), ("r-bioc-limma", "r-cran-lattice", "r-cran-zoo"))


def test_one_that_cannot_be_installed_does_not_stop_the_others(apt: Apt) -> None:
    apt.broken = {"r-bioc-limma"}
    assert packages.install(["zoo", "limma"], silent) == ["limma"]
    assert apt.calls == ["install r-cran-zoo"]


def test_what_the_image_has_stays_the_images(apt: Apt) -> None:
    assert packages.install(["jsonlite"], silent) == []
    assert record.read() == Record()
    with pytest.raises(packages.Failed, match="r-cran-irkernel, r-cran-jsonlite belongs to the image and stays"):
        packages.remove(["jsonlite"], silent)
    assert apt.calls == ["install r-cran-jsonlite"]


def test_what_was_installed_may_go(apt: Apt) -> None:
    packages.install(["zoo"], silent)
    assert packages.remove(["zoo", "nothere"], silent) == ["nothere"]
    assert record.read() == Record((), ("r-cran-lattice",))


def test_one_that_takes_something_of_the_image_along_stays(apt: Apt) -> None:
    packages.install(["zoo"], silent)
    apt.needs["r-cran-zoo"] = {"r-cran-zoo", "r-cran-irkernel"}
    with pytest.raises(packages.Failed, match="r-cran-irkernel belongs to the image"):
        packages.remove(["zoo"], silent)
    assert "r-cran-zoo" in apt.installed


def test_a_record_is_restored_in_one_transaction(apt: Apt) -> None:
    assert packages.restore(["r-cran-zoo", "r-bioc-limma", "r-cran-gone", "r-cran-jsonlite"], silent) == ["r-cran-gone"]
    assert apt.calls == ["install r-bioc-limma r-cran-zoo"]


@pytest.mark.parametrize(
    "name", ["", "-o=x", "a;b", "../x", "zoo=1", "r-cran-zoo", "a b", "a\n", "a" * 101, "1a", "zoo."]
)
def test_no_package(apt: Apt, name: str) -> None:
    for method in (packages.install, packages.remove):
        with pytest.raises(ValueError, match="is not the name of an R package"):
            method(["zoo", name], silent)
    assert apt.calls == []


@pytest.mark.parametrize("name", ["bash", "r-base-core", "r-cran-", "r-cran-zoo=1", "r-cran-zoo-", "-y", "r-cran-a b"])
def test_no_debian_package_of_r(apt: Apt, name: str) -> None:
    # A minus at the end is apt's sign for removal.
    with pytest.raises(ValueError, match="is not the name of a Debian package of R"):
        packages.restore([name], silent)
    assert apt.calls == []


@given(st.text())
def test_whatever_is_accepted_is_one_word_of_letters_digits_and_dots(text: str) -> None:
    try:
        (name,) = names.check([text])
    except ValueError:
        return
    assert name.replace(".", "").isalnum() and name.isascii()


@given(st.sets(R_NAME), st.sets(R_NAME), st.sets(R_NAME))
def test_a_record_holds_what_came_and_has_not_gone(asked: set[str], new: set[str], gone: set[str]) -> None:
    found = Record().installed(asked, new).removed(gone)
    assert set(found.brought) == new - gone
    assert set(found.packages) == (asked & new) - gone


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"packages": 1}', '{"packages": [1], "brought": []}', '{"other": []}']
)
def test_a_record_that_cannot_be_read_allows_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bspm.json"
    path.write_text(text)
    assert record.read(str(path)) == Record()
    assert record.read(str(tmp_path / "none")) == Record()
