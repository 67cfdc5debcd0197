"""Settings of JupyterLab stay with the project: what is changed is copied there, and comes back into the next container.

Jupyter reads and writes them on the container's disk. A page asks for a hundred files of settings, most of which do not exist: in
a bucket each question is a request, and none has an answer while storage hangs. The copy in the project is one file.

Who writes to the bucket, or whose project was copied, could have written it: it is JSON, looked at before Jupyter sees it, and it
holds nothing by which a page would trust more than it does.
"""

from __future__ import annotations

import functools
import importlib
import json
import logging
import os
import re
import sys
import threading
import time
from typing import Any, Callable, Dict

from melda.base import regular_files, textfiles
from melda.base.paths import PROJECT_STATE

NAME = "jupyterlab-settings.json"
ENDING = ".jupyterlab-settings"  # of Jupyter's own files
MODULES = ("jupyterlab_server.settings_utils", "jupyterlab_server.settings_handler")
LONGEST = 100  # characters of a name that is shown
LARGEST = 1 << 16  # bytes of all of them; json5 takes two seconds for these
PATIENCE = 3.0  # seconds for which a page waits for storage, once
SETTING = re.compile(r"(@?[A-Za-z0-9_][\w.-]*/)?[A-Za-z0-9_][\w.-]*:[A-Za-z0-9_][\w.-]*")
# They end with the container: what HTML of others may do in the page, and whether the programs in it are run when it is opened.
NOT_KEPT = ("@jupyterlab/apputils-extension:sanitizer", "@jupyterlab/htmlviewer-extension:plugin")


def usable(name: object, raw: object) -> bool:
    """Find out whether a setting can be kept, and be read by Jupyter, who would else answer 500 for all of them."""
    if not (isinstance(name, str) and isinstance(raw, str) and SETTING.fullmatch(name)) or name in NOT_KEPT:
        return False
    try:
        raw.encode()  # half a character, which JSON can hold and a file cannot
        value = importlib.import_module("json5").loads(raw)
    except Exception:  # whatever it raises, a RecursionError for instance
        return False
    return isinstance(value, dict) and bool(value)


def kept(path: str) -> Dict[str, str]:
    """Return the settings in a project; what cannot be used of them is left out.

    Raises:
        OSError: it cannot be read, is no regular file, or too large.
    """
    try:
        found = json.loads(regular_files.read(path, LARGEST))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise OSError(f"{path}: expected JSON: {error}") from error
    return {name: raw for name, raw in found.items() if usable(name, raw)} if isinstance(found, dict) else {}


def on_disk(folder: str) -> Dict[str, str]:
    """Return the settings of this container."""
    found: Dict[str, str] = {}
    for parent, _, names in os.walk(folder):
        for file in names:
            name = os.path.relpath(parent, folder) + ":" + file[: -len(ENDING)]
            if file.endswith(ENDING) and SETTING.fullmatch(name):
                with open(os.path.join(parent, file), encoding="utf-8", errors="replace") as stream:
                    found[name] = stream.read()
    return found


class LabSettings:
    """The settings of a project, in this container and in the next."""

    def __init__(self, path: str, seconds: float = PATIENCE) -> None:
        self._path, self._seconds = path, seconds
        self._lock = threading.Lock()
        self._writing = self._changed = False
        self._until = 0.0  # a page waits; 0: nobody has asked yet
        self._back = threading.Event()
        self._known: Dict[str, str] = {}  # what came back, and what was here when it was last kept

    def come_back(self, folder: str) -> None:
        """Put them where Jupyter reads them, the first time; what is there already is newer."""
        with self._lock:
            if not self._until and _begin("come later", self._restore, folder):
                self._until = time.monotonic() + self._seconds
        self._back.wait(max(0.0, self._until - time.monotonic()))

    def _restore(self, folder: str) -> None:
        try:
            for name, raw in kept(self._path).items():
                path = os.path.join(folder, name.replace(":", "/") + ENDING)
                try:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    textfiles.create(path, raw)
                    self._known[name] = raw
                except OSError as error:  # a name that is too long, say
                    _warn(f"come without {name[:LONGEST]}", error)
        except OSError as error:
            _warn("come without what the project has of them", error)
        finally:
            self._back.set()

    def keep(self, folder: str) -> None:
        """Copy them into the project; nobody waits for it."""
        with self._lock:
            self._changed = True
            self._writing = self._writing or _begin("are not kept in the project", self._write, folder)

    def settle(self, seconds: float) -> bool:
        """At the end: wait until what was changed is in the project, or is known not to be kept.

        Returns:
            False if it is still being written.
        """
        until = time.monotonic() + seconds
        while self._writing and time.monotonic() < until:
            time.sleep(0.01)
        return not self._writing

    def _write(self, folder: str) -> None:
        self.come_back(folder)
        self._back.wait()
        while True:
            with self._lock:
                if not self._changed:
                    self._writing = False
                    return
                self._changed = False
            try:
                self._put(on_disk(folder))
            except OSError as error:
                _warn("are not kept in the project", error)

    def _put(self, here: Dict[str, str]) -> None:
        """Bring what was changed here into the project; what another container has put there stays."""
        known = self._known
        try:
            theirs = kept(self._path)
        except OSError as error:
            if error.errno and error.errno not in regular_files.NO_FILE:
                raise  # the bucket does not answer: nothing is written over what may be there, the next change tries again
            theirs, known = {}, {}
        changed = {name for name in {*here, *known} if here.get(name) != known.get(name)}
        found = {name: raw for name, raw in theirs.items() if name not in changed}
        found.update((name, here[name]) for name in changed if usable(name, here.get(name)))
        text = json.dumps(dict(sorted(found.items())), indent=1, ensure_ascii=False) + "\n"
        if len(text.encode()) > LARGEST:
            raise OSError(f"they have more than {LARGEST} bytes")
        if found != theirs:
            textfiles.replace(self._path, text)
        self._known = here


def _begin(otherwise: str, action: Callable[[str], None], folder: str) -> bool:
    """Do something in a thread of its own, if there can be one: where no process is left the next change or page tries again."""
    try:
        threading.Thread(target=action, args=(folder,), daemon=True).start()
    except RuntimeError as error:
        _warn(otherwise, error)
        return False
    return True


def _warn(what: str, error: Exception) -> None:
    logging.getLogger("ServerApp").warning("settings of JupyterLab %s: %s", what, error)


def install(workdir: str) -> LabSettings:
    """Let the Jupyter that was loaded keep them."""
    ours = LabSettings(os.path.join(workdir, PROJECT_STATE, NAME))
    # Both are called in threads (storage.py), and the folder is an argument of each.
    for module in [sys.modules[name] for name in MODULES if name in sys.modules]:
        _wrap(module, ours)
    return ours


def _wrap(module: Any, ours: LabSettings) -> None:
    get, save = module.get_settings, module.save_settings

    @functools.wraps(get)
    def found(app_settings_dir: str, schemas_dir: str, settings_dir: str, *args: Any, **given: Any) -> Any:
        ours.come_back(settings_dir)
        return get(app_settings_dir, schemas_dir, settings_dir, *args, **given)

    @functools.wraps(save)
    def saved(schemas_dir: str, settings_dir: str, *args: Any, **given: Any) -> Any:
        done = save(schemas_dir, settings_dir, *args, **given)
        ours.keep(settings_dir)
        return done

    module.get_settings, module.save_settings = found, saved
