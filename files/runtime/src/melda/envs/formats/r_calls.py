"""Calls of R's that install packages: install.packages(), those of remotes, pak, renv, pacman and BiocManager."""

from __future__ import annotations

import re
from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple
from urllib import parse

from melda.envs.errors import Unusable
from melda.envs.formats import renv, rtext
from melda.envs.formats.named_values import Text
from melda.envs.formats.r_values import APPLY, Call, Token, Values, tokens
from melda.envs.formats.reading import Reading, requirement
from melda.envs.links import ELSEWHERE

# By the call's name without its package: how rtext reads what it is given (NAME: a package of CRAN's).
PLAIN, VERSION, PYTHON = "plain", "version", "python"
KINDS: Dict[str, str] = {
    "install.packages": PLAIN, "install_cran": PLAIN, "p_install": PLAIN, "install_version": VERSION,
    "install_github": "github", "p_load_gh": "bare", "p_install_gh": "bare", "install_gitlab": "gitlab",
    "install_bitbucket": "bitbucket", "install_git": "git", "install_url": "url", "install_bioc": "bioc", "biocLite": "bioc",
    "install_svn": "svn", "install_local": "local", "p_load": "bare", "BiocManager::install": "biocmanager",
    "pak::pkg_install": "pak", "pkg_install": "pak", "pak::pak": "pak", "renv::install": "pak", "renv::restore": "",
    "py_install": PYTHON, "virtualenv_install": "", "conda_install": "", "librarian::shelf": "bare",
    "install_deps": "", "install_dev_deps": "", "devtools::install": "", "local_install": "", "local_install_deps": "",
    "local_install_dev_deps": "", "pak": "", "renv::use": "", "renv::hydrate": "",
}  # fmt: skip
SHELLS = ("system", "system2", "shell")
INSTALLS = re.compile(
    r"(?<![\w.])(?:\w+:::?)?(?:" + "|".join(re.escape(one.rpartition("::")[2]) for one in KINDS) + r")\s*\("
)
SHELLED = re.compile(r"(?<![\w.])(?:system2?|shell)\s*\(.*\binstall\b", re.DOTALL)
HANDED = (
    "do.call",
    "Map",
    "mapply",
    "Reduce",
    "Vectorize",
    "match.fun",
    "future_map",
    "future_lapply",
    "mclapply",
    "parLapply",
)
PIP = re.compile(r"(?:pip[\d.]*|conda|mamba)\b.*\binstall\b", re.DOTALL)
HOSTS = ("api.github.com", "github.com", "gitlab.com", "api.bitbucket.org/2.0", "bitbucket.org")
SECOND = {"install_version": VERSION, "install_github": "ref"}  # what the argument behind the first is
SURE = (VERSION, "ref", "subdir")
FIRST = ("pkgs", "pkg", "repo", "package", "packages", "url", "char")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]")
LIMITS = re.compile(r"{0}(?:\s*,\s*{0})*".format(rtext.LIMIT.pattern))
MIRROR = re.compile(r"//[\w.-]*(?:cran|r-project\.org|rstudio\.com|posit\.co|bioconductor)", re.IGNORECASE)
NOT_READ = "a command that is not read: name its packages one a line"
OF_FILES = re.compile(
    r"\benv (?:create|update)$|\.R$|\bsetup\.py |\brenv::restore|\binstall(?:_dev)?_deps$", re.IGNORECASE
)
IN_FILE = "what it installs stands in a file: hand that one to melda-env restore"
PREFIX = "Rscript -e quoted:"


def installs(code: str) -> bool:
    """May this code install packages?"""
    return bool(INSTALLS.search(code) or "install.packages)" in code or SHELLED.search(code))


def not_read(command: str) -> str:
    """Return why a command that installs packages is not read, and what to do."""
    return IN_FILE if OF_FILES.search(command) else NOT_READ


def command(code: List[str]) -> str:
    """Return a line that stands for code; one line, whatever is in it."""
    return PREFIX + parse.quote("\n".join(code), safe="")


def of_command(line: str) -> str:
    """Return the code of such a line; empty: it is none."""
    return parse.unquote(line[len(PREFIX) :]) if line.startswith(PREFIX) else ""


def kind_of(name: str) -> Optional[str]:
    """Return how a call's packages are written; None: it installs none."""
    return KINDS.get(name, KINDS.get(name.rpartition(":")[2]))


def read(reading: Reading, code: str, where: Callable[[int], str]) -> List[Tuple[int, str]]:
    """Note what R's code installs.

    Args:
        reading: collects it.
        code: R's.
        where: returns what is said before a reason, of a line from 1.

    Returns:
        Lines for a shell, which system() runs, with the numbers of their lines.
    """
    words = tokens(code)
    values, lines = Values(words), []
    taken: Set[int] = set()
    begins = {end: begin for begin, end in values.ends.items()}
    for at, word in enumerate(words):
        name = word.text.strip("`")
        if word.kind != "name":
            continue
        called = at + 1 < len(words) and words[at + 1].text == "(" and words[at + 1].kind == "sign"
        if APPLY.fullmatch(name) or name in HANDED:
            _each(reading, values, values.call(at), where, taken)
        elif name in SHELLS and called:
            found = values.call(at)
            line = _line(values, found) if found else ""
            said = " ".join(one.text for one in words[at : values.ends.get(at + 1, at)] if one.kind == "text")
            if not line and PIP.search(said):
                reading.bad("r", name, where(word.line) + NOT_READ)
            lines += [(word.line, line)] if line else []
        elif kind_of(name) is not None and called:
            found = values.call(at)
            piped = _piped(words, at, begins) if found else None
            if found is None or piped == []:
                reading.bad("r", name, where(word.line) + NOT_READ)
            else:
                found = found._replace(plain=[piped, *found.plain]) if piped else found
                _packages(reading, values, found, where(word.line))
        elif name in ("install.packages", "utils::install.packages") and at not in taken:
            reading.bad("r", name, where(word.line) + NOT_READ)
    return lines


def _piped(words: List[Token], at: int, begins: Dict[int, int]) -> Optional[List[Token]]:
    """Return what a pipe gives the call at a word; None: there is none, empty: nobody knows what."""
    at -= 1
    while at > 0 and words[at].text == "\n":
        at -= 1
    if at > 1 and [one.text for one in words[at - 1 : at + 1]] == ["|", ">"]:
        at -= 1
    elif at < 1 or words[at].text not in ("%>%", "%<>%"):
        return None
    end = at - 1
    while end > 0 and words[end].text == "\n":
        end -= 1
    begin = begins[end] - 1 if end in begins else end
    alone = begin == 0 or words[begin - 1].kind == "end" or words[begin - 1].text == "{"
    return words[max(begin, 0) : end + 1] if alone else []


def _each(
    reading: Reading, values: Values, found: Optional[Call], where: Callable[[int], str], taken: Set[int]
) -> None:
    """Note what lapply(PACKAGES, install.packages) installs; what else a call of R's is handed to is not known."""
    for done in found.plain[:2] if found else ():
        if len(done) == 1 and done[0].kind in ("name", "text") and kind_of(done[0].text) is not None:
            if found and found.name not in HANDED and done is not found.plain[0]:
                _packages(reading, values, Call(done[0].text, found.line, found.plain[:1], {}), where(found.line))
            else:
                reading.bad("r", done[0].text, where(done[0].line) + NOT_READ)
            taken.add(done[0].at)


def _line(values: Values, found: Call) -> str:
    given = [
        values.of(one)
        for one in [*found.plain, *(found.named[one] for one in ("command", "args") if one in found.named)]
    ]
    if not given or given[0] is None:
        return ""
    if found.name == "system2" and len(given) > 1 and given[1] is None:
        return ""
    known = [given[0]] + ([given[1]] if found.name == "system2" and len(given) > 1 and given[1] else [])
    return " ".join(" ".join(map(str, one)) for one in known)


def _packages(reading: Reading, values: Values, found: Call, where: str) -> None:
    """Note what one call installs."""
    kind = kind_of(found.name)
    named = [one for one in FIRST if one in found.named]
    given = found.named[named[0]] if named else (found.plain[0] if found.plain else [])
    if kind == "bare":
        texts = _bare(values, [*found.plain, *([found.named["char"]] if "char" in found.named else [])])
    else:
        known = values.of(given) if given else None
        texts = list(map(str, known)) if known is not None else None
    if not given and kind in ("biocmanager", "bioc", "pak", PLAIN):  # it asks, updates, or installs this folder
        return
    if texts is None or not kind:
        reading.bad("r", found.name, where + not_read(found.name))
        return
    for word in found.named.get("repos", []):
        if word.kind == "text" and "://" in word.text and not MIRROR.search(word.text):
            reading.say(f"the repository {word.text} is not asked, but those of this image's R")
    more = {name: _text(values, one) for name, one in found.named.items()}
    host = re.sub(r"^https?://|/$", "", more.get("host", HOSTS[0]))
    if host not in HOSTS or any(more.get(one) == "" and found.named[one][0].text != "NULL" for one in SURE):
        reading.bad("r", found.name, where + NOT_READ)  # of another host, or of a version that nobody knows
        return
    second = SECOND.get(found.name.rpartition("::")[2])
    if second and len(found.plain) > (0 if named else 1):
        more.setdefault(second, _text(values, found.plain[0 if named else 1]))
    for text in texts:
        try:
            _one(reading, kind, text.strip(), more)
        except Unusable as error:
            reading.bad("r", text, where + str(error))


def _text(values: Values, words: List[Token]) -> str:
    found = values.of(words)
    return str(found[0]) if found and len(found) == 1 else ""


def _bare(values: Values, given: List[List[Token]]) -> Optional[List[str]]:
    """Return the names that pacman's calls have without quotes."""
    found: List[str] = []
    for one in given:
        texts: Optional[Sequence[Text]] = [one[0].text] if len(one) == 1 and one[0].kind == "name" else values.of(one)
        if [word.text for word in one[1:2]] == ["/"] and len(one) == 3:  # OWNER/NAME
            texts = ["".join(word.text for word in one)]
        if texts is None:
            return None
        found += map(str, texts)
    return found


def _one(reading: Reading, kind: str, text: str, more: Dict[str, str]) -> None:
    """Note one package as the call's kind writes it.

    Raises:
        Unusable: it cannot be used.
    """
    if kind == PYTHON:
        wanted = requirement(text)
        if wanted.url:
            raise Unusable(NOT_READ)
        reading.required(wanted)
        return
    if text in renv.BASE:
        return
    if kind in (PLAIN, VERSION) and "://" not in text:
        if re.search(r"[/\\]|\.(tar\.gz|zip|tgz)$", text):
            raise Unusable(ELSEWHERE)
        if not NAME.fullmatch(text):
            raise Unusable("no name of a package")
        version = more.get(VERSION, "") if kind == VERSION else ""
        limits = rtext.LIMIT.findall(version) if LIMITS.fullmatch(version) else []
        if version and not limits and not re.fullmatch(r"\d[\d.-]*", version):
            raise Unusable(f"invalid version {version!r:.60}")
        for operator, number in limits:
            reading.limit(text, operator.replace("==", "="), number)
        reading.r(text, "" if limits else version)
        return
    if kind in ("biocmanager", "bare", "pak"):
        any_of(reading, kind, text)
        return
    archive = re.match(r"\S+/(?P<name>[A-Za-z][A-Za-z0-9.]*)_[\d.-]+\.(?:tar\.gz|zip|tgz)$", text)
    if archive:
        rtext.remote(reading, "{0}=url::{1}".format(archive.group("name"), text))
        return
    text = rtext.FORGE.sub("", text) if kind in renv.HOSTS else text
    ending = f"@{more['ref']}" if more.get("ref") and "@" not in text else ""
    inside = "/" + more["subdir"].strip("/") if more.get("subdir") and kind == "github" and text.count("/") == 1 else ""
    where = re.sub(r"^([\w.-]+/[\w.-]+)", lambda whole: whole.group() + inside, text, count=1) + ending
    rtext.remote(
        reading, where if where.startswith(kind + "::") else f"{'url' if kind in (PLAIN, VERSION) else kind}::{where}"
    )


def any_of(reading: Reading, kind: str, text: str) -> None:
    """Note a package as pak and BiocManager name it: of CRAN, of Bioconductor, or of a repository."""
    pinned = re.fullmatch(r"(?:cran::)?([A-Za-z][A-Za-z0-9.]*)(?:@(\d[\d.-]*))?", text)
    if kind == "biocmanager" and NAME.fullmatch(text):
        reading.r(text, "", {"type": "bioconductor"})
    elif pinned:
        reading.r(pinned.group(1), pinned.group(2) or "")
    elif re.match(r"[.~]?/|\.$|[A-Za-z]:\\", text):
        raise Unusable(ELSEWHERE)
    else:
        rtext.remote(reading, text)
