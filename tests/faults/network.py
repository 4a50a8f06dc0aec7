"""A network that loses packets: a client in a namespace of its own, and a router between it and this machine.

A black hole in the router's table drops what goes one way, silently, as a cut line does: nobody is told, nothing is closed.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """Names of the two namespaces, and where in 10.<number> they are."""

    router: str
    client: str
    number: int

    @property
    def here(self) -> str:
        """The address of this machine, as the client reaches it."""
        return f"10.{self.number}.1.1"

    @property
    def there(self) -> str:
        """The client's own address."""
        return f"10.{self.number}.2.2"

    def at_client(self, *command: str) -> list[str]:
        """`command` as it runs in the client's namespace."""
        return ["ip", "netns", "exec", self.client, *command]

    def lose(self, *, to_server: bool = True, to_client: bool = True) -> None:
        """Drop from now on what goes that way."""
        for address, wanted in ((self.here, to_server), (self.there, to_client)):
            if wanted:
                _ip("netns", "exec", self.router, "ip", "route", "add", "blackhole", f"{address}/32")

    def mend(self) -> None:
        """Let everything through again."""
        for address in (self.here, self.there):
            subprocess.run(
                ["ip", "netns", "exec", self.router, "ip", "route", "del", "blackhole", f"{address}/32"],
                check=False,
                capture_output=True,
            )


@contextmanager
def network() -> Iterator[Network]:
    """Make the namespaces; gone afterwards. It needs root."""
    if os.geteuid() != 0:
        raise AssertionError("losing packets needs root: run make faults as root")
    tag = secrets.token_hex(2)
    made = Network(f"pgdr{tag}", f"pgdc{tag}", 64 + secrets.randbelow(180))
    try:
        for name in (made.router, made.client):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("link", "add", f"h{tag}", "type", "veth", "peer", "name", f"a{tag}", "netns", made.router)
        _ip(
            "-n", made.router, "link", "add", f"b{tag}", "type", "veth", "peer", "name", f"c{tag}", "netns", made.client
        )
        for where, link, address in (
            ([], f"h{tag}", made.here),
            (["-n", made.router], f"a{tag}", f"10.{made.number}.1.254"),
            (["-n", made.router], f"b{tag}", f"10.{made.number}.2.254"),
            (["-n", made.client], f"c{tag}", made.there),
        ):
            _ip(*where, "address", "add", f"{address}/24", "dev", link)
            _ip(*where, "link", "set", link, "up")
        _ip("route", "add", f"10.{made.number}.2.0/24", "via", f"10.{made.number}.1.254")
        _ip("-n", made.client, "route", "add", "default", "via", f"10.{made.number}.2.254")
        _ip("netns", "exec", made.router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        yield made
    finally:
        for command in (
            ("link", "del", f"h{tag}"),
            ("netns", "del", made.client),
            ("netns", "del", made.router),
        ):
            subprocess.run(["ip", *command], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
