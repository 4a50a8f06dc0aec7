"""Choosing a port on the loopback address."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from launch.errors import NoFreePortError, PortSettingError, PortTakenError

FIRST = 8080
PORTS_SEARCHED = 900


def is_free(port: int) -> bool:
    """Whether nothing listens on 127.0.0.1 at this port, nor on all addresses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def read_demanded(variables: Mapping[str, str], name: str) -> int | None:
    """The port that the variable demands, or None if it is unset or empty. Raises PortSettingError."""
    value = variables.get(name, "").strip()
    if not value:
        return None
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise PortSettingError(name, value)
    return int(value)


def choose(demanded: int | None, name: str, *, first: int = FIRST) -> int:
    """The demanded port; if none is demanded, the next free one. Raises PortTakenError, NoFreePortError."""
    if demanded is not None:
        if not is_free(demanded):
            raise PortTakenError(name, demanded)
        return demanded
    last = min(first + PORTS_SEARCHED - 1, 65535)
    for port in range(first, last + 1):
        if is_free(port):
            return port
    raise NoFreePortError(first, last)
