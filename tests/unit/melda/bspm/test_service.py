"""The service on the bus: who calls it is the bus's word, a failure is one answer, and it ends when nobody calls.

The bus itself is the container tests' (test_bspm.py); here modules of its names pass on the calls.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

RUNTIME = Path(__file__).resolve().parents[4] / "files" / "runtime" / "src"

DBUS = {
    "dbus/__init__.py": """
        import os
        class DBusException(Exception): pass
        class Array(list):
            def __init__(self, items, signature): super().__init__(items)
        class SystemBus:
            def get_unix_user(self, sender): return os.getuid()
    """,
    "dbus/mainloop/__init__.py": "",
    "dbus/mainloop/glib.py": "def DBusGMainLoop(set_as_default): pass",
    "dbus/service.py": """
        OBJECTS = []
        class BusName:
            def __init__(self, name, bus, do_not_queue): self.name = name
        class Object:
            def __init__(self, name, path): OBJECTS.append((name.name, path, self))
            def remove_from_connection(self): OBJECTS.clear()
        def method(interface, in_signature, out_signature, sender_keyword):
            return lambda function: function
    """,
    "gi/__init__.py": "",
    "gi/repository/__init__.py": "",
    "gi/repository/GLib.py": """
        import signal
        class MainLoop:
            def run(self):
                import calls
                self.over = False
                calls.make(lambda: signal.getitimer(signal.ITIMER_REAL)[0])
                signal.raise_signal(signal.SIGALRM)
                assert self.over
            def quit(self): self.over = True
    """,
    "calls.py": """
        import json, os
        from dbus.service import OBJECTS
        from melda.bspm import packages
        def make(left):
            name, path, manager = OBJECTS[0]
            def told(function):
                def do(*arguments):
                    assert left() == 0, "it must not end in the middle of an installation"
                    return function(*arguments)
                return do
            def install(asked, say):
                say("Unpacking " + " ".join(asked))
                if "bad" in asked: raise packages.Failed("no space left")
                if "odd" in asked: raise ValueError("'odd' is invalid")
                if "full" in asked: raise OSError(28, "No space left on device")
                return ["zoo"]
            packages.install = told(install)
            packages.remove = told(lambda asked, say: list(asked))
            packages.refresh = lambda say: say("refreshed")
            packages.available = told(lambda: ["zoo;1;CRAN"])
            found = {"name": name, "path": path, "discover": manager.discover(os.getpid(), sender=":1.1")}
            found["available"] = manager.available(os.getpid(), sender=":1.1")
            found["remove"] = manager.remove(os.getpid(), ["zoo"], sender=":1.1")
            for package in ("well", "bad", "odd", "full"):
                try:
                    found[package] = manager.install(os.getpid(), [package], sender=":1.1")
                except Exception as error:
                    found[package] = [error._dbus_error_name, str(error)]
                assert left() > 500
            print(json.dumps(found))
    """,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """What the calls were answered, and what the caller was shown."""
    folder = tmp_path_factory.mktemp("dbus")
    for name, text in DBUS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    folders = [str(folder), str(RUNTIME)]
    code = f"import sys; sys.path[:0] = {folders!r}; from melda.bspm import service; sys.exit(service.main())"
    # To a file: nobody but its owner can open another process's pipe again.
    with (folder / "shown").open("w+") as shown:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=shown, text=True, check=False, timeout=20
        )
        shown.seek(0)
        done.stderr = shown.read()
    assert done.returncode == 0, done.stderr
    return done


def test_it_is_found_where_bspm_looks_for_it(served: subprocess.CompletedProcess[str]) -> None:
    found = json.loads(served.stdout)
    assert (found["name"], found["path"]) == ("org.r_project.linux1", "/org/r_project/linux1/PackageManager")
    assert found["discover"] is None, "bspm's R code calls it, and expects nothing"


def test_each_call_has_its_answer(served: subprocess.CompletedProcess[str]) -> None:
    found = json.loads(served.stdout)
    assert found["available"] == ["zoo;1;CRAN"]
    assert (found["well"], found["remove"]) == (["zoo"], ["zoo"])


def test_a_failure_is_an_error_of_the_bus_with_apts_reason(served: subprocess.CompletedProcess[str]) -> None:
    found = json.loads(served.stdout)
    assert found["bad"] == ["org.r_project.linux1.PackageManager.PackageManagerException", "no space left"]
    assert found["odd"][1] == "'odd' is invalid"
    assert found["full"][1] == "[Errno 28] No space left on device"


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody")
def test_the_caller_sees_what_is_done(served: subprocess.CompletedProcess[str]) -> None:
    assert served.stderr.startswith("refreshedUnpacking well")
