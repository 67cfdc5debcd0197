"""Python packages at the captured versions, through uv, into the user's environment on top of the image's.

First into a staging environment: there it is seen whether the content is the captured one. Then, from uv's cache, into the
user's, which so never holds anything that was not checked.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from typing import Any, Callable, Collection, Dict, List, Optional, Sequence, Tuple

from melda.base import interpreters, textfiles
from melda.envs import addresses
from melda.envs.capture.python import in_folder
from melda.envs.errors import PackageUnavailable
from melda.envs.formats import requirements
from melda.envs.restore import direct, nearest, tools, web
from melda.envs.restore.wanted import Site, is_checked, lines
from melda.versions.libraries import normal

Json = Dict[str, Any]
Failures = Dict[str, str]  # name -> reason


class Installer:
    """Installs into the user's environment.

    Args:
        site: where to.
        env: variables of uv.
        say: takes what happens.
    """

    def __init__(self, site: Site, env: Dict[str, str], say: Callable[[str], None]) -> None:
        self._site, self._say = site, say
        self._env = {
            **env, **tools.pip_settings(site.layout.user.home, env),
            "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1", "UV_LINK_MODE": "hardlink", "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
        }  # fmt: skip
        web.adopt(self._env)
        self._uv = tools.uv(site.layout, env)
        self._folder = ""
        self._fetched: Dict[str, str] = {}  # local copies by name
        self.built: List[str] = []  # names of what was built from source

    def _run(self, *arguments: str) -> tools.Done:
        flags = ["--no-index"] if self._env.get("UV_NO_INDEX") else []
        command = [self._uv, "pip", *arguments]
        return tools.run(command + (flags if arguments[0] != "uninstall" else []), self._env)

    def _install(self, root: str, entries: Sequence[Json], *options: str) -> tools.Done:
        path = os.path.join(self._folder, "list.txt")
        with open(path, "w", encoding="utf-8") as stream:
            stream.writelines(lines(self._site, entry, self._fetched.get(entry["name"], "")) for entry in entries)
        python = os.path.join(root, "bin", "python")
        checked = ["--require-hashes"] if all(is_checked(entry) for entry in entries) else []
        return self._run(
            "install", "--python", python, "--no-deps", "--reinstall", *checked, *options, "--requirement", path
        )

    def _stage(self, entries: Sequence[Json], *options: str) -> Failures:
        """Install what can be installed; those uv complains of are tried one by one.

        Returns:
            Why the others cannot.
        """
        if not entries:
            return {}
        done = self._install(self._stage_root, entries, *options)
        if done.code == 0:
            return {}
        if len(entries) == 1:
            return {entries[0]["name"]: reason(done.output)}
        named = [entry for entry in entries if _names(entry["name"], done.output)]
        rest = [entry for entry in entries if entry not in named]
        if not named or not rest:
            middle = len(entries) // 2
            parts = [list(entries[:middle]), list(entries[middle:])]
        else:
            parts = [rest, *([entry] for entry in named)]
        return {name: why for part in parts for name, why in self._stage(part, *options).items()}

    @property
    def _stage_root(self) -> str:
        return os.path.join(self._folder, "stage")

    def _wrong(self, entries: Sequence[Json]) -> Failures:
        """Return what has another content than the captured one."""
        found = in_folder(interpreters.site_packages(self._stage_root, self._site.version))
        failures = {}
        for entry in entries:
            here = found.get(entry["name"])
            if here is None:
                failures[entry["name"]] = "what was fetched is another package"
            elif entry["version"] and here.entry["version"] != entry["version"]:
                failures[entry["name"]] = "what was fetched is version {0}".format(here.entry["version"])
            elif entry.get("record", "") not in ("", here.entry.get("record", "")) and entry["name"] not in self.built:
                failures[entry["name"]] = "the content of this version is another one now: it is not what was captured"
        return failures

    def install(self, entries: Sequence[Json]) -> Failures:
        """Install packages at their versions.

        Returns:
            Why the others cannot be had, by name.

        Raises:
            OSError: a folder cannot be written.
        """
        os.makedirs(tools.cache(self._site.layout), exist_ok=True)
        self._folder = tempfile.mkdtemp(prefix="python-", dir=tools.cache(self._site.layout))
        try:
            return self._all(entries)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _all(self, entries: Sequence[Json]) -> Failures:
        python = os.path.join(self._site.layout.python_env, "bin", "python")
        done = tools.run([self._uv, "venv", "--quiet", "--python", python, self._stage_root], self._env)
        if done.code:
            return {entry["name"]: tools.last_line(done.output) for entry in entries}
        failures: Failures = {}
        groups: Dict[Tuple[bool, bool], List[Json]] = {}
        for entry in entries:
            try:
                lines(self._site, entry)
                if entry["source"]["type"] in ("vcs", "url"):
                    self._fetch(entry)
            except PackageUnavailable as error:
                failures[entry["name"]] = str(error)
                continue
            groups.setdefault((is_checked(entry), entry["source"]["type"] != "index"), []).append(entry)
        self._say(f"checking {len(entries)} Python packages")
        for (_, is_direct), group in sorted(groups.items()):
            # An index is asked for wheels first: of these the content is known.
            options = () if is_direct else ("--only-binary", ":all:")
            without = self._stage(group, *options)
            if not is_direct and without:
                again = [entry for entry in group if entry["name"] in without]
                self.built += [entry["name"] for entry in again]
                without = self._stage(again)
            elif is_direct:
                self.built += [entry["name"] for entry in group if entry["source"]["type"] in ("vcs", "url")]
            failures.update(without)
        good = [entry for entry in entries if entry["name"] not in failures]
        failures.update(self._wrong(good))
        good = [entry for entry in good if entry["name"] not in failures]
        return {**failures, **self._final(good)}

    def _fetch(self, entry: Json) -> None:
        self._say("{0} {1}: fetching".format(entry["name"], entry["version"]).replace(" :", ":"))
        folder = os.path.join(self._folder, "fetched", entry["name"])
        os.makedirs(folder)
        self._fetched[entry["name"]] = direct.fetch(entry, folder, self._env)
        if entry["source"]["type"] == "vcs":
            self._env.update(direct.versions_of_commits({entry["name"]: entry["version"]}))

    def _final(self, entries: Sequence[Json]) -> Failures:
        failures: Failures = {}
        self._forget_torn({entry["name"] for entry in entries})
        for checked in (True, False):
            group = [entry for entry in entries if is_checked(entry) is checked]
            if not group:
                continue
            self._say(f"installing {len(group)} Python packages")
            # From the cache, byte by byte what was checked.
            done = self._install(self._site.root, group, "--offline")
            if done.code:
                done = self._install(self._site.root, group)
            if done.code:
                failures.update({entry["name"]: reason(done.output) for entry in group})
        for entry in entries:
            if entry["name"] not in failures:
                self._as_captured(entry)
        return failures

    def _forget_torn(self, names: Collection[str]) -> None:
        """uv takes for installed what was interrupted."""
        for listed in os.listdir(self._site.packages):
            path = os.path.join(self._site.packages, listed)
            mine = listed.endswith(".dist-info") and normal(listed.split("-")[0]) in names
            if mine and not os.path.exists(os.path.join(path, "RECORD")):
                shutil.rmtree(path, ignore_errors=True)

    def _as_captured(self, entry: Json) -> None:
        """Of a copy, note where it came from at first, and not where the copy lies."""
        copied = "file" in entry or entry["name"] in self._fetched
        found = in_folder(self._site.packages).get(entry["name"]) if copied else None
        path = os.path.join(found.distribution.path, "direct_url.json") if found else ""
        if os.path.isfile(path):
            textfiles.replace(path, json.dumps(direct.origin(entry)))

    def remove(self, names: Sequence[str]) -> None:
        """Remove packages of the user's.

        Raises:
            PackageUnavailable: uv failed.
        """
        if names:
            done = self._run("uninstall", "--python", os.path.join(self._site.root, "bin", "python"), *names)
            if done.code:
                raise PackageUnavailable(tools.last_line(done.output))

    def resolve(self, loose: Sequence[str], image: Dict[str, str]) -> Tuple[List[Json], Optional[str]]:
        """Exact versions of requirements that name none, and of what they need; what the image has is taken as it is.

        Returns:
            The packages beyond the image, and why there are none.
        """
        with tempfile.TemporaryDirectory(prefix="melda-env-") as folder:
            wanted, pins = os.path.join(folder, "in.txt"), os.path.join(folder, "image.txt")
            with open(wanted, "w", encoding="utf-8") as stream:
                stream.writelines(one + "\n" for one in loose)
            named = {normal(re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0]) for one in loose}
            with open(pins, "w", encoding="utf-8") as stream:
                stream.writelines("{0}=={1}\n".format(*item) for item in image.items() if item[0] not in named)
            done = self._run(
                "compile", "--quiet", "--no-header", "--no-annotate", "--generate-hashes", "--python",
                os.path.join(self._site.layout.python_env, "bin", "python"), "--constraint", pins, wanted,
            )  # fmt: skip
        if done.code:
            return [], reason(done.output)
        found, _ = requirements.read(done.output, "uv")
        return [one for one in found["python"]["packages"] if image.get(one["name"]) != one["version"]], None

    def nearest(self, entry: Json) -> str:
        """Return the version nearest to the captured one that can be had; empty if there is none."""
        if entry["source"]["type"] not in ("index", "local"):
            return ""
        python = os.path.join(self._site.layout.python_env, "bin", "python")
        # pip's own python setting would lead to the user's pip.
        done = tools.run([python, "-I", "-m", "pip", "--python", python, "index", "versions", entry["name"]], self._env)
        found = re.search(r"^Available versions: (.+)$", done.output, re.MULTILINE)
        return nearest.of_python(entry["version"], found.group(1).split(", ")) if found and not done.code else ""


def _names(name: str, said: str) -> bool:
    return bool(re.search(r"(?<![\w.-]){0}(?![\w.-]*\w)".format(re.sub("-", "[-_.]", name)), said, re.IGNORECASE))


def reason(said: str) -> str:
    """Why uv gave up, in one line."""
    text = addresses.hide(re.sub(r"\s+", " ", re.sub(r"[^\x00-\x7f]+", " ", said)).strip())
    found = re.search(r"(Because .*?)(?: And because| hint:|$)", text)
    return (found.group(1) if found else text or "no reason given")[:300]
