"""Says what became of an image that pyinfra's docker connector commits: it has no name, and pyinfra commits one of every run."""

from __future__ import annotations

import logging
import re
import shlex
from typing import Any, Dict, List

from pyinfra import logger
from pyinfra.api.state import BaseStateCallback, StateStage

from tasks.lib import callbacks

_COMMITTED = re.compile(r"\[(?P<host>@docker/\S+)\] docker build complete, image ID: (?P<image>\w+)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# `make` has variables of its own for them, and the environment's proxies.
_VARIABLES = {"packages": "PACKAGES", "strict": "STRICT"}
_SKIPPED = ("dpkg_unsafe_io", "ca_bundle", "http_proxy", "https_proxy", "no_proxy")


def command(image: str, given: Dict[str, Any]) -> str:
    """Return the command that makes a complete image, with a name, of one that the deploy has made."""
    words = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}
    found = [f"BASE={image}", "IMAGE=melda-jupyter:latest"]
    found += [
        f"{variable}={words[name]}" for name, variable in _VARIABLES.items() if words.get(name) not in (None, "false")
    ]
    found = [word.replace("STRICT=true", "STRICT=1") for word in found]
    data = [
        f"{name}={value}"
        for name, value in words.items()
        if name not in _VARIABLES and name not in _SKIPPED and name[0] != "_"
    ]
    return " ".join(["make connector", *map(shlex.quote, found + (["DATA=" + " ".join(data)] if data else []))])


class NamelessImage(BaseStateCallback, logging.Handler):
    """pyinfra's callbacks, and a handler of its log: only a line there tells the ID of the image.

    Attributes:
        images: host -> the ID.
        whole: does the whole deploy run, not one task alone?
    """

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.images: Dict[str, str] = {}
        self.whole = False

    def emit(self, record: logging.LogRecord) -> None:
        found = _COMMITTED.search(_COLOUR.sub("", record.getMessage()))
        if found:
            self.images[found["host"]] = found["image"]

    def host_disconnect(self, state: Any, host: Any) -> None:  # type: ignore[override]
        image = self.images.get(host.name)
        if image:
            done = state.current_stage == StateStage.Disconnect and host not in state.failed_hosts
            for line in self.lines(image, done, state.inventory.get_override_data()):
                logger.info(line)

    def lines(self, image: str, done: bool, given: Dict[str, Any]) -> List[str]:
        """Return what there is to say of an image."""
        if not (done and self.whole):
            what = "it holds this one task's work" if done else "it is unfinished: the run did not come to its end"
            return [
                f"--> Image {image} has no name, and {what}.",
                f"    remove it:    docker image rm {image}",
            ]
        return [
            f"--> Image {image} holds all that the deploy installs. It lacks a name, ENV, WORKDIR, HEALTHCHECK, CMD and labels,",
            "    which pyinfra does not set.",
            f"    run it so:    docker run --detach --publish 127.0.0.1:8888:8888 {image} start-jupyter",
            f"    complete it:  {command(image, given)}",
        ]


def _shown() -> NamelessImage:
    handler = callbacks.once(NamelessImage)
    logger.addHandler(handler)  # once, however often it is called
    return handler


def show(whole: bool = False) -> None:
    """Say it at the end of this run, once however many hosts it has."""
    handler = _shown()
    handler.whole = handler.whole or whole
