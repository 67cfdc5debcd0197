"""Files that name the folder of a Python: in the folder of another one they are to name that."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from typing import Any, Optional

from melda.base import regular_files, textfiles
from melda.sync.on_disk import tree

SHEBANG = 4096  # bytes of a program that are looked at: its first lines
TOOLS = os.path.join("share", "uv", "tools")
# Where uv's tools name their Python, and what links lead to them: https://docs.astral.sh/uv/concepts/tools/
OF_TOOLS = ("pyvenv.cfg", "uv-receipt.toml")
KERNELS = os.path.join("share", "jupyter", "kernels")
LARGEST = 1 << 20  # bytes of a kernel.json, or of one of OF_TOOLS


def relocate(root: str, old: str, new: str) -> None:
    """Let programs, kernels and uv's tools in ``root`` that name the Python of the folder ``old`` name the one of ``new``."""
    _programs(os.path.join(root, "bin"), old, new)
    for name in tree.listed(os.path.join(root, TOOLS)):
        tool = os.path.join(root, TOOLS, name)
        if not os.path.islink(tool):
            _programs(os.path.join(tool, "bin"), old, new)
            for path in (os.path.join(tool, file) for file in OF_TOOLS):
                with contextlib.suppress(OSError):
                    _replace(path, _named(regular_files.read(path, LARGEST, follow=False), old.encode(), new.encode()))
    for name in tree.listed(os.path.join(root, KERNELS)):
        path = os.path.join(root, KERNELS, name, "kernel.json")
        if not os.path.islink(os.path.dirname(path)):
            with contextlib.suppress(OSError, ValueError, RecursionError):
                _replace(path, _kernel(path, old, new))


def _programs(folder: str, old: str, new: str) -> None:
    if os.path.islink(folder):
        return
    for path in [os.path.join(folder, name) for name in tree.listed(folder)]:
        with contextlib.suppress(OSError):
            if os.path.islink(path):
                _lead(path, old + "/", new + "/")
            elif os.path.isfile(path):
                _replace(path, _program(path, old.encode(), new.encode()))


def _lead(path: str, old: str, new: str) -> None:
    """Let a link that leads into the old folder lead into the new one."""
    target = os.readlink(path)
    if target.startswith(old):
        made = f"{path}.{secrets.token_hex(8)}"
        os.symlink(new + target[len(old) :], made)
        try:
            os.replace(made, path)
        except OSError:
            os.unlink(made)
            raise


def _replace(path: str, content: Optional[bytes]) -> None:
    """Write a new file: the old one may have another name in the old folder."""
    if content is not None:
        text = content.decode("utf-8", "surrogateescape")
        textfiles.replace(path, text, os.stat(path).st_mode & 0o777)


def _program(path: str, old: bytes, new: bytes) -> Optional[bytes]:
    with open(path, "rb") as stream:
        head = stream.read(SHEBANG)
        changed = _named(head, old, new) if head.startswith(b"#!") else None
        return changed + stream.read() if changed else None


def _named(text: bytes, old: bytes, new: bytes) -> Optional[bytes]:
    """Return what a text is to be; nothing: what it is."""
    return text.replace(old + b"/", new + b"/") if old + b"/" in text else None


def _kernel(path: str, old: str, new: str) -> Optional[bytes]:
    """Return what a kernel.json is to be; nothing: what it is."""
    found = json.loads(regular_files.read(path, LARGEST, follow=False).decode("utf-8"))
    if not isinstance(found, dict):
        return None
    changed = {**found, **{key: _moved(found[key], old, new) for key in ("argv", "env") if key in found}}
    return json.dumps(changed, indent=1, ensure_ascii=False).encode() + b"\n" if changed != found else None


def _moved(value: Any, old: str, new: str) -> Any:
    if isinstance(value, list):
        return [_moved(one, old, new) for one in value]
    if isinstance(value, dict):
        return {key: _moved(one, old, new) for key, one in value.items()}
    if not isinstance(value, str):
        return value
    series = os.path.basename(new).lower().replace("-", "").rpartition(".")[0]  # python3.11
    found = re.escape(old) + r"(?:(/(?:bin|lib|include|include/site)/)python\d+\.\d+)?(?=[/:\s]|$)"
    return re.sub(found, lambda match: new + (match.group(1) + series if match.group(1) else ""), value)
