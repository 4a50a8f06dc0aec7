"""A network between the engine and the server that can be cut at a chosen moment."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

# The engine's own commit of a change ends a simple query: what psycopg sends for connection.transaction() is upper case.
COMMIT = b"; commit\x00"


class Proxy:
    """Forwards connections to `port`; when a client first sends `cut_at`, every connection is cut; later ones are left alone.

    `delivered` says whether that message still reaches the server; its answer never reaches the client.
    """

    def __init__(self, port: int, *, cut_at: bytes = COMMIT, delivered: bool) -> None:
        self.target = port
        self.cut_at = cut_at
        self.delivered = delivered
        self.times_cut = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._go(self._accept)

    def close(self) -> None:
        """Cut everything, and take no more connections."""
        self._listener.close()
        self._cut()

    def _go(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                self._pairs.append((client, server))
                self._go(self._to_server, client, server)
                self._go(self._to_client, client, server)

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if self.times_cut == 0 and self.cut_at in data:
                    self.times_cut += 1
                    if self.delivered:
                        # The answer has nowhere to go: the client's side is closed first.
                        client.close()
                        server.sendall(data)
                        server.recv(65536)
                    self._cut()
                    return
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)

    def _cut(self) -> None:
        for pair in self._pairs:
            for one in pair:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
        self._pairs = []
