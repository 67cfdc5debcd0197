"""One GET whose answer is small and comes in time, whoever answers."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from typing import Tuple, Union

Address = Union[str, Tuple[str, int]]
MOST = 1 << 16


def get(address: Address, path: str, seconds: float) -> Tuple[int, bytes]:
    """Ask a server of this container.

    Args:
        address: path of a Unix socket, or host and port.
        path: what to ask for.
        seconds: for everything: no peer makes it longer by sending a byte now and then.

    Returns:
        The status, and the first :data:`MOST` bytes of the answer without its header.

    Raises:
        OSError: there is no answer, none in time, or none of HTTP.
    """
    deadline = time.monotonic() + seconds
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as connection:

        def limit() -> None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise socket.timeout("timed out")
            connection.settimeout(left)

        limit()
        connection.connect(address)
        limit()
        # 1.0: the answer ends with the connection, and comes in one piece. Some servers refuse a request without Host.
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        found = b""
        while len(found) < MOST:
            limit()
            part = connection.recv(MOST - len(found))
            if not part:
                break
            found += part
    first, _, body = found.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[ \r]", first + b"\r")
    if not status:
        raise OSError("its answer is not HTTP")
    return int(status.group(1)), body
