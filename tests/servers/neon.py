"""A fake of Neon's API: slow, it loses answers and refuses to delete, as it is told. Its branches are real servers, or none."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "napi_0123456789abcdefghij"
PROJECT = "calm-river-1"
_ROOT = f"/api/v2/projects/{PROJECT}"


@dataclass
class Branch:
    """One branch; `url` is where its database is."""

    id: str
    name: str
    url: str
    ready_at: float
    server: ExitStack
    has_endpoint: bool = True


@dataclass
class FakeNeon:
    """`serve` makes the server of a branch and yields its URL."""

    serve: Callable[[], AbstractContextManager[str]]
    address: str = ""
    branches: dict[str, Branch] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    most_at_once: int = 0
    made: int = 0
    late_s: float = 0.0
    """How long a branch takes to be ready."""
    lost_creates: int = 0
    """So many requests to create are done, and their answers are lost."""
    unmade_creates: int = 0
    """So many requests to create are lost before anything is done."""
    landing: threading.Event | None = None
    """A request whose answer is lost is done only when this is set."""
    busy: int = 0
    refused_deletes: int = 0
    refused_key: bool = False
    without_endpoint: bool = False
    _lock: Any = field(default_factory=threading.RLock)

    def make(self, name: str) -> Branch:
        """A branch of that name."""
        with self._lock:
            self.made += 1
            server = ExitStack()
            url = server.enter_context(self.serve())
            branch = Branch(
                f"br-{self.made}", name, url, time.monotonic() + self.late_s, server, not self.without_endpoint
            )
            self.branches[branch.id] = branch
            self.most_at_once = max(self.most_at_once, len(self.branches))
            return branch

    def delete(self, branch_id: str) -> None:
        """End its server."""
        with self._lock:
            self.branches.pop(branch_id).server.close()

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any] | None:
        """Status and body; None: the connection is closed without an answer."""
        if not path.startswith(_ROOT):
            return 404, {"message": "no such project"}
        match (method, *path.removeprefix(_ROOT).strip("/").split("/")):
            case ("GET", "branches"):
                found = [each for each in self.branches.values() if query.get("search", "") in each.name]
                return 200, {"branches": [{"id": each.id, "name": each.name} for each in found]}
            case ("POST", "branches"):
                return self._create(body["branch"]["name"])
            case ("POST", "endpoints"):
                self.branches[body["endpoint"]["branch_id"]].has_endpoint = True
                return 201, {"endpoint": {}}
            case ("GET", "operations"):
                states = [
                    (each.id, "finished" if self._is_ready(each) else "running") for each in self.branches.values()
                ]
                return 200, {"operations": [{"branch_id": one, "status": state} for one, state in states]}
            case ("GET", "connection_uri"):
                branch = self.branches[query["branch_id"]]
                return 200, {"uri": branch.url.replace("/demo", f"/{query['database_name']}")}
            case (_, "branches", branch_id, *_) if branch_id not in self.branches:
                return 404, {"message": "branch not found"}
            case ("GET", "branches", branch_id):
                return 200, {
                    "branch": {"current_state": "ready" if self._is_ready(self.branches[branch_id]) else "init"}
                }
            case ("GET", "branches", branch_id, "endpoints"):
                return 200, {"endpoints": [{"type": "read_write"}] if self.branches[branch_id].has_endpoint else []}
            case ("DELETE", "branches", branch_id):
                if self.refused_deletes > 0:
                    self.refused_deletes -= 1
                    return 409, {"message": f"the branch is protected, key {KEY}"}
                self.delete(branch_id)
                return 200, {"operations": []}
        return 404, {"message": "no such path"}

    def _create(self, name: str) -> tuple[int, Any] | None:
        if self.unmade_creates > 0:
            self.unmade_creates -= 1
            return None
        if self.lost_creates > 0:
            self.lost_creates -= 1
            if self.landing is None:
                self.make(name)
            else:
                threading.Thread(target=self._land, args=(self.landing, name), daemon=True).start()
            return None
        branch = self.make(name)
        return 201, {"branch": {"id": branch.id, "name": name}, "endpoints": [], "operations": []}

    def _land(self, landing: threading.Event, name: str) -> None:
        landing.wait()
        self.make(name)

    def _is_ready(self, branch: Branch) -> bool:
        return time.monotonic() >= branch.ready_at


@contextmanager
def fake_neon(serve: Callable[[], AbstractContextManager[str]]) -> Iterator[FakeNeon]:
    """The API on a free port; its branches' servers are ended afterwards."""
    fake = FakeNeon(serve)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

        def _serve(self) -> None:
            at = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            fake.requests.append(f"{self.command} {self.path}")
            fake.bodies.append(text)
            query = {name: values[0] for name, values in parse_qs(at.query).items()}
            if fake.refused_key or self.headers.get("Authorization") != f"Bearer {KEY}":
                answer: tuple[int, Any] | None = (401, {"message": f"no such key {KEY}"})
            elif fake.busy > 0 and self.command != "GET":
                fake.busy -= 1
                answer = (423, {"message": "project already has running operations"})
            else:
                answer = fake.answer(self.command, at.path, query, json.loads(text or "{}"))
            if answer is None:
                self.close_connection = True
                return
            said = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = _serve

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        for branch_id in list(fake.branches):
            fake.delete(branch_id)
