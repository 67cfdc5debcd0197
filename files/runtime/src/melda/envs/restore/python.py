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
from typing import Callable, Collection, Dict, List, Sequence, Tuple

from melda.base import interpreters, textfiles
from melda.envs import Json
from melda.envs.capture.python import Found, in_folder
from melda.envs.errors import PackageUnavailable
from melda.envs.restore import direct, loading, metadata, nearest, resolve, tools, web
from melda.envs.restore.wanted import Site, is_checked, lines
from melda.versions.libraries import normal

Failures = Dict[str, str]  # name -> reason
Unmet = Dict[Tuple[str, str], str]  # a distribution and what it needs -> what is wrong

SCM_VERSION = "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{0}"  # https://setuptools-scm.readthedocs.io/en/latest/overrides/
SETUPTOOLS = "setuptools<81"  # the last with pkg_resources


def _module(found: Found) -> str:
    """Return the module that a distribution is named after, or the only one that it has; empty if that is not clear."""
    files = [str(one) for one in found.distribution.files or ()]
    tops = {re.sub(r"(/__init__)?\.py$", "", one) for one in files if re.fullmatch(r"[A-Za-z]\w*(/__init__)?\.py", one)}
    named = [one for one in tops if normal(one) == found.entry["name"]]
    return (named or [*tops])[0] if named or len(tops) == 1 else ""


class Installer:
    """Installs into the user's environment.

    Args:
        site: where to.
        env: variables of uv.
        say: takes what happens.
    """

    def __init__(self, site: Site, env: Dict[str, str], say: Callable[[str], None]) -> None:
        self.site, self.say = site, say
        self._env = {
            **env, **tools.pip_settings(site.layout.user.home, env),
            "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1", "UV_LINK_MODE": "hardlink", "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
        }  # fmt: skip
        web.adopt(self._env)
        self._uv = tools.uv(site.layout, env)
        self.python = os.path.join(site.layout.python_env, "bin", "python")
        os.makedirs(tools.cache(site.layout), exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix="python-", dir=tools.cache(site.layout))
        self.fetched: Dict[str, str] = {}  # local copies by name
        self._tried_setuptools = False
        self.built: List[str] = []  # names of what was built from source

    def run(self, *arguments: str) -> tools.Done:
        flags = ["--no-index"] if self._env.get("UV_NO_INDEX") else []
        command = [self._uv, "pip", *arguments]
        return tools.run(command + (flags if arguments[0] != "uninstall" else []), self._env)

    def _install(self, root: str, entries: Sequence[Json], *options: str) -> tools.Done:
        path = os.path.join(self.folder, "list.txt")
        with open(path, "w", encoding="utf-8") as stream:
            stream.writelines(lines(self.site, entry, self.fetched.get(entry["name"], "")) for entry in entries)
        python = os.path.join(root, "bin", "python")
        checked = ["--require-hashes"] if all(is_checked(entry) for entry in entries) else []
        return self.run(
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
            return {entries[0]["name"]: resolve.reason(done.output)}
        named = [entry for entry in entries if resolve.names(entry["name"], done.output)]
        rest = [entry for entry in entries if entry not in named]
        if not named or not rest:
            middle = len(entries) // 2
            parts = [list(entries[:middle]), list(entries[middle:])]
        else:
            parts = [rest, *([entry] for entry in named)]
        return {name: why for part in parts for name, why in self._stage(part, *options).items()}

    @property
    def _stage_root(self) -> str:
        return os.path.join(self.folder, "stage")

    def _wrong(self, entries: Sequence[Json]) -> Failures:
        """Return what has another content than the captured one."""
        found = in_folder(interpreters.site_packages(self._stage_root, self.site.version))
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

    def close(self) -> None:
        """Remove what was fetched."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def install(self, entries: Sequence[Json]) -> Failures:
        """Install packages at their versions, which :meth:`settle` has found.

        Returns:
            Why the others cannot be had, by name.

        Raises:
            OSError: a folder cannot be written.
        """
        done = tools.run([self._uv, "venv", "--quiet", "--python", self.python, self._stage_root], self._env)
        if done.code:
            return {entry["name"]: tools.last_line(done.output) for entry in entries}
        failures: Failures = {}
        groups: Dict[Tuple[bool, bool], List[Json]] = {}
        for entry in entries:
            groups.setdefault((is_checked(entry), entry["source"]["type"] != "index"), []).append(entry)
        self.say(f"checking {len(entries)} Python packages")
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

    def fetch(self, entry: Json) -> None:
        self.say("{0} {1}: fetching".format(entry["name"], entry["version"]).replace(" :", ":"))
        folder = os.path.join(self.folder, "fetched", entry["name"])
        os.makedirs(folder)
        self.fetched[entry["name"]] = direct.fetch(entry, folder, self._env)
        if entry["source"].get("ref") and entry["source"].get("commit"):
            self.say("{0}: {1[ref]} is commit {1[commit]}".format(entry["name"], entry["source"]))
        if entry["source"]["type"] == "vcs" and entry["version"]:
            # What asks git for its version while it is built has no history to ask.
            self._env[SCM_VERSION.format(entry["name"].upper().replace("-", "_"))] = entry["version"]

    def _final(self, entries: Sequence[Json]) -> Failures:
        failures: Failures = {}
        self._forget_torn({entry["name"] for entry in entries})
        for checked in (True, False):
            group = [entry for entry in entries if is_checked(entry) is checked]
            if not group:
                continue
            self.say(f"installing {len(group)} Python packages")
            # From the cache, byte by byte what was checked.
            done = self._install(self.site.root, group, "--offline")
            if done.code:
                done = self._install(self.site.root, group)
            if done.code:
                failures.update({entry["name"]: resolve.reason(done.output) for entry in group})
        for entry in entries:
            if entry["name"] not in failures:
                self._as_captured(entry)
        return failures

    def _forget_torn(self, names: Collection[str]) -> None:
        """uv takes for installed what was interrupted."""
        for listed in os.listdir(self.site.packages):
            path = os.path.join(self.site.packages, listed)
            mine = listed.endswith(".dist-info") and normal(listed.split("-")[0]) in names
            if mine and not os.path.exists(os.path.join(path, "RECORD")):
                shutil.rmtree(path, ignore_errors=True)

    def _as_captured(self, entry: Json) -> None:
        """Of a copy, note where it came from at first, and not where the copy lies."""
        copied = "file" in entry or entry["name"] in self.fetched
        found = in_folder(self.site.packages).get(entry["name"]) if copied else None
        path = os.path.join(found.distribution.path, "direct_url.json") if found else ""
        if os.path.isfile(path):
            textfiles.replace(path, json.dumps(direct.origin(entry)))

    def remove(self, names: Sequence[str]) -> None:
        """Remove packages of the user's.

        Raises:
            PackageUnavailable: uv failed.
        """
        if names:
            done = self.run("uninstall", "--python", os.path.join(self.site.root, "bin", "python"), *names)
            if done.code:
                raise PackageUnavailable(tools.last_line(done.output))

    def not_importable(self, names: Collection[str]) -> Failures:
        """Return why what was installed cannot be imported, by name of the distribution; in a process of its own."""
        found = in_folder(self.site.packages)
        modules = {
            name: module for name in sorted(names) if name in found for module in [_module(found[name])] if module
        }
        if not modules:
            return {}
        try:
            told = list(loading.of_python(self.site.root, self._env, {name: [one] for name, one in modules.items()}))
        except OSError as error:
            return dict.fromkeys(
                modules, f"{os.path.join(self.site.root, 'bin', 'python')} cannot be run: {error.strerror}"
            )
        failures = {name: f"import {modules[name]}: {' '.join(why.split())[:200]}" for name, why in told if why}
        without = [name for name, why in failures.items() if "pkg_resources" in why]
        if not without:
            return failures
        # Many import it and do not say so: https://setuptools.pypa.io/en/latest/pkg_resources.html
        if not self._tried_setuptools and "setuptools" not in names:
            self._tried_setuptools = True
            self.say(f"installing {SETUPTOOLS}, whose pkg_resources {', '.join(without)} imports")
            if not self.run("install", "--python", os.path.join(self.site.root, "bin", "python"), SETUPTOOLS).code:
                return self.not_importable(names)
        return {**failures, **{name: f"{failures[name]}; pip install '{SETUPTOOLS}' brings it" for name in without}}

    def satisfied(self, wanted: Sequence[str], here: Json) -> bool:
        """Is all that is wanted here, with all that it needs?"""
        there = {**here["python"]["image"], **{one["name"]: one["version"] for one in here["python"]["packages"]}}
        return resolve.satisfied(wanted, self.needs(), there)

    def _stated(self) -> metadata.Stated:
        image = interpreters.site_packages(self.site.layout.python_env, self.site.version)
        return metadata.read([image, self.site.packages])

    def needs(self) -> Dict[str, List[str]]:
        """Return what each distribution that a notebook sees needs, by name."""
        return self._stated().needs

    def unmet(self) -> Unmet:
        """Return what pip check says of all that a notebook sees."""
        found = self._stated()
        return resolve.unmet(found.needs, found.versions)

    def nearest(self, name: str, version: str) -> str:
        """Return the version nearest to the wanted one that can be had; empty if there is none."""
        if not version:
            return ""
        python = self.python
        # pip's own python setting would lead to the user's pip.
        done = tools.run([python, "-I", "-m", "pip", "--python", python, "index", "versions", name], self._env)
        found = re.search(r"^Available versions: (.+)$", done.output, re.MULTILINE)
        return nearest.of_python(version, found.group(1).split(", ")) if found and not done.code else ""
