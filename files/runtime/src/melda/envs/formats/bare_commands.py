"""A command without what runs it: sudo, env, xargs, a shell's -c, the path of a program with a variable in it.

What comes out is as commands.read takes it, or begins with "Rscript -e", whose code r_calls.py reads.
"""

from __future__ import annotations

import functools
import re
from typing import Dict, Iterator, List, Set, Tuple

from melda.envs.formats import commands, r_calls, shell_words

DEEPEST = 5  # shells within shells
WORD = re.compile(r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|\$\([^()]*\)|`[^`]*`|[^\s'"\\`])+""", re.DOTALL)
# What may stand before the program: Dockerfile's, a prompt, a shell's own words, a function's head, a case's pattern.
LEAD = re.compile(
    r"(?:(?:ONBUILD\s+)?RUN(?:\s+--\S+)*\s+|[%!>#]+\s*|\$\s+|\(\s*|\{\s+|(?:then|do|else|elif|if|while|until|time|exec)(?=\s)\s*|!\s+|@|"
    r"(?:function\s+[\w-]+\s*(?:\(\)\s*)?|[\w-]+\s*\(\)\s*)\{\s*|(?:case\s+\S.{0,80}?\sin\s+)?\(?[\w.*|\"'\[\]?-]+\s*\)\s+|"
    r"[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|[^\s\"'`$]*|\$\w+|\$\{\w+\})(?=\s)\s*)+"
)
# Programs that run another: their options that have a value, and how many words of theirs stand before it.
RUNNERS: Dict[str, Tuple[str, int]] = {
    "sudo": ("-u -g -p -C -h -r -t -T -D -R --user --group --prompt --host --chdir", 0), "doas": ("-u -C", 0),
    "env": ("-u --unset -C --chdir -S", 0), "time": ("-f -o", 0), "nice": ("-n --adjustment", 0), "nohup": ("", 0),
    "ionice": ("-c -n -p", 0), "timeout": ("-s -k --signal --kill-after", 1), "exec": ("-a", 0), "command": ("", 0),
    "builtin": ("", 0), "stdbuf": ("-i -o -e", 0), "setsid": ("", 0), "gosu": ("", 1), "su-exec": ("", 1),
    "chroot": ("", 1), "eatmydata": ("", 0), "retry": ("", 0), "travis_retry": ("", 0), "winpty": ("", 0), "call": ("", 0),
}  # fmt: skip
INNER = {"conda", "mamba", "micromamba", "poetry", "pipenv", "pdm", "rye", "pixi"}  # NAME run COMMAND
INNER_VALUED = "-n --name -p --prefix -e --environment --cwd -C -P --manifest-path -G --group"
SHELLS, USERS = {"bash", "sh", "dash", "zsh", "ksh", "ash"}, {"su", "runuser"}
SHELLS_VALUED, USERS_VALUED = "-o -O +o +O --rcfile --init-file", "-s --shell -g --group -G -u --user"
XARGS_VALUED = "-n -L -P -I -d -s -E --max-args --max-lines --max-procs --replace --delimiter --max-chars --arg-file -a"
RS = {"R", "Rscript", "littler", "r"}
LITTLER = {
    "install2.r": "install.packages",
    "installGithub.r": "remotes::install_github",
    "installBioc.r": "BiocManager::install",
}
LITTLER_VALUED = "-n --ncpus -r --repos -l --libloc -m --method -d --deps -u --update"
PROGRAM = re.compile(r"(?P<name>pip|python|py|conda|mamba|micromamba|uv)(?P<version>[\d.]*)(?:\.exe)?(?:\$.*)?")
NAMED = re.compile(
    r"\$[{(]?(?:\w*_)?(?P<name>PIP|MICROMAMBA|MAMBA|CONDA|PYTHON|PY)\d*(?:_?(?:CMD|BIN|EXE|PATH|COMMAND|EXECUTABLE))?"
    r"(?:[:%#/-][^})]*)?[})]?|[$`]\(?(?:which|command -v|type -p)\s+(?P<which>pip|python|conda|mamba|micromamba)[\d.]*\)?`?|"
    r"\{sys\.executable\}|\$\{?sys\.executable\}?|\{[\w.]*?(?P<braced>pip|micromamba|mamba|conda|python)\w*\}",
    re.IGNORECASE,
)
FILE = re.compile(r"<\s*([\w./~-]+)")
SHOWN = re.compile(
    r"cat\s+([\w./~-]+)|(?:e|f)?grep\s+(?:-[vE]+\s+)+(?:'[\^]?\s*#[^']*'|\"[\^]?\s*#[^\"]*\"|[\^]?\\?#)\s+([\w./~-]+)"
)


def _unquoted(word: str) -> str:
    return "".join(shell_words.words(word)[:1]) if word[:1] in "'\"" or "\\" in word else word


@functools.lru_cache(maxsize=1024)
def _base(word: str) -> str:
    """Return the name of a program, without its path, its version and what a shell puts in its place; empty: unknown."""
    word = word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"" else word
    named = NAMED.fullmatch(word)
    if named:
        tool = str(named.group("name") or named.group("which") or named.group("braced") or "python").lower()
        return "python" if tool == "py" else tool
    name = re.split(r"[/\\]", word)[-1]
    found = PROGRAM.fullmatch(name)
    if not found:
        return name
    return "python" if found.group("name") == "py" else found.group("name") + (found.group("version") or "")


def _after_options(words: List[str], valued: str, more: int = 0) -> List[str]:
    """Return what follows a program's options, what it sets, and its own first words."""
    names, at = set(valued.split()), 0
    while at < len(words) and (words[at][:1] in "-+" or re.match(r"[A-Za-z_]\w*=", words[at])):
        ends = words[at] == "--"
        at += 2 if words[at] in names else 1
        if ends:
            break
    return words[at + more :]


def _script(words: List[str], valued: str) -> str:
    """Return what a shell's -c is to run; empty: it runs a file, or what it is sent."""
    names, at = set(valued.split()), 0
    while at < len(words):
        if re.fullmatch(r"-\w*c|--command", words[at]):
            return _unquoted(words[at + 1]) if at + 1 < len(words) else ""
        if words[at].startswith("--command="):
            return _unquoted(words[at].partition("=")[2])
        at += 2 if words[at] in names else 1
    return ""


def _of_input(words: List[str], before: str) -> str:
    """Return the command of xargs with what it is sent; empty: nobody knows that here."""
    names, at, mark, file = set(XARGS_VALUED.split()), 0, "{}", FILE.search(" ".join(words))
    name = file.group(1) if file else ""
    while at < len(words) and words[at].startswith("-"):
        option, value = words[at], words[at + 1] if at + 1 < len(words) else ""
        if option[:2] == "-a" or option.startswith("--arg-file"):
            name = option[2:] if option[:2] == "-a" and len(option) > 2 else option.partition("=")[2] or value
        if option[:2] in ("-I", "-i"):
            mark = option[2:] or (value if option == "-I" else mark)
        at += 2 if option in names else 1
    kept = [one for one in words[at:] if _unquoted(one) != mark]
    command = re.sub(r"\s<\s*\S+", "", " ".join(kept))
    sent = SHOWN.fullmatch(before.strip())
    name = name or (sent and (sent.group(1) or sent.group(2))) or ""
    spoken = re.fullmatch(r"echo\s+(?:-\w+\s+)*([^$`<>]+)", before.strip())
    if name and re.search(r"\b(?:conda|mamba|micromamba)\b", command):
        return f"{command} --file {name}"
    if name:
        return f"{command} -r {name}"
    return "{0} {1}".format(command, " ".join(_unquoted(spoken.group(1)).split())) if spoken else ""


def _r(words: List[str], before: str) -> List[str]:
    """Return R's code, as Rscript -e CODE; nothing: it installs nothing, or is in a file."""
    code = [
        _unquoted(words[at + 1]) if one == "-e" else _unquoted(one[2:])
        for at, one in enumerate(words)
        if one.startswith("-e") and (at + 1 < len(words) or one != "-e")
    ]
    sent = re.fullmatch(r"(?:echo|printf)\s+(?:-\w+\s+)*(['\"].*)", before.strip(), re.DOTALL)
    if not code and sent and any(one.startswith("--") or one == "-" for one in words):
        code = [_unquoted(sent.group(1))]
    return [r_calls.command(code)] if r_calls.installs("\n".join(code)) else []


def _littler(program: str, words: List[str]) -> List[str]:
    names = [_unquoted(one) for one in _after_options_anywhere(words, set(LITTLER_VALUED.split()))]
    if not names or not all(re.fullmatch(r"[\w./@:#-]+", one) for one in names):
        return []
    code = "{0}(c({1}))".format(LITTLER[program], ", ".join(f'"{one}"' for one in names))
    return [r_calls.command([code])]


def _after_options_anywhere(words: List[str], valued: Set[str]) -> Iterator[str]:
    at = 0
    while at < len(words):
        if not words[at].startswith("-"):
            yield words[at]
        at += 2 if words[at] in valued else 1


def _tool(program: str, words: List[str]) -> List[str]:
    """Return the command of a tool that is read; python's -m takes options before it."""
    if program.startswith("python"):
        at = words.index("-m") if "-m" in words else 0
        if all(one.startswith("-") or words[max(0, there - 1)] in ("-W", "-X") for there, one in enumerate(words[:at])):
            words = words[at:]
    line = " ".join([program, *words])
    return [line] if commands.COMMAND.fullmatch(line) else []


def plain(part: str, before: str = "", depth: int = 0) -> List[str]:
    """Return what a command of a line installs, each command in the way that commands.py and r_calls.py read.

    Args:
        part: one command.
        before: the one before it, which may send it what it needs.
        depth: how many shells it is in.
    """
    text = part.strip()
    if commands.COMMAND.fullmatch(text) or text.startswith(r_calls.PREFIX):
        return [text]
    if r_calls.INSTALLS.match(text):  # a document's line of R
        return [r_calls.command([text])]
    lead = LEAD.match(text)
    words = _without_runners(WORD.findall(text[lead.end() :] if lead else text))
    if not words:
        return []
    program, rest = _base(words[0]), words[1:]
    if rest[:1] == ["-m"] and re.search(r"[${`]", words[0]):  # whatever it is, it has Python's modules
        program = "python"
    if program == "eval":
        return _of_shell(_unquoted(rest[0]) if len(rest) == 1 else " ".join(rest), depth)
    if program in SHELLS or program in USERS:
        return _of_shell(_script(rest, SHELLS_VALUED if program in SHELLS else USERS_VALUED), depth)
    return _of_program(program, rest, before, depth)


def _without_runners(words: List[str]) -> List[str]:
    for _ in range(DEEPEST * 2):
        program = _base(words[0]) if words else ""
        if program in RUNNERS:
            words = _after_options(words[1:], *RUNNERS[program])
        elif program in INNER and words[1:2] == ["run"]:
            words = _after_options(words[2:], INNER_VALUED)
    return words


def _of_program(program: str, words: List[str], before: str, depth: int) -> List[str]:
    if program == "xargs":
        line = _of_input(words, before)
        return plain(line, "", depth + 1) if line and depth < DEEPEST else []
    if program in RS:
        return _r(words, before)
    return _littler(program, words) if program in LITTLER else _tool(program, words)


def _of_shell(script: str, depth: int) -> List[str]:
    if depth >= DEEPEST:
        return []
    return [one for line in script.splitlines() for one in in_line(line, depth + 1)]


def in_line(line: str, depth: int = 0) -> List[str]:
    """Return what a line installs, command by command."""
    parts = shell_words.parts(line)
    # A prompt, or a comment: what follows its first command is none. A table's cells are no commands.
    if line.lstrip().startswith(("#", "|")):
        parts = parts[:1]
    return [one for at, part in enumerate(parts) for one in plain(part, parts[at - 1] if at else "", depth)]
