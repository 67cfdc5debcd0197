"""Sockets that listen on all of the container's addresses, a socket for each version of the Internet Protocol."""

from __future__ import annotations

import errno
import socket
from typing import List

# The kernel has no IPv6 at all.
NONE = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def public(port: int, six: bool) -> List[socket.socket]:
    """Listen.

    Two sockets: one for both would show an IPv4 client's address as one of IPv6.

    Args:
        port: TCP port; 0: any, of the first socket.
        six: on IPv6 too, where there is any.

    Raises:
        OSError: somebody else has the port.
    """
    found = [socket.create_server(("0.0.0.0", port))]  # nosec B104 # noqa: S104
    if six:
        try:
            found.append(socket.create_server(("::", port or found[0].getsockname()[1]), family=socket.AF_INET6))
        except OSError as error:
            if error.errno not in NONE:
                found[0].close()
                raise
    return found
