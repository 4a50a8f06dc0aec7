"""Clones as branches of a Neon project. Built from the documentation of its API (v2), and run against a fake of our own."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

import httpx

from pg_deploy.postgres.session import Target
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.rehearsal.clones.errors import CloneAnswerLostError, CloneBusyError, CloneRefusedError

URL = "https://console.neon.tech"
_API = "/api/v2"
_TIMEOUT_S = 30.0
_GOOD_FOR = timedelta(days=1)
# 423: the project has operations under way; 429: too many requests.
_BUSY = (423, 429)
_UNFINISHED = ("scheduling", "running", "failed", "cancelling")


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: it takes longer than a request."""
    return httpx.create_ssl_context()


@dataclass(frozen=True)
class Neon:
    """A project of Neon, the branch to clone (empty: the default one), and the database and role to connect to in a clone."""

    url: str
    key: str = field(repr=False)
    project: str
    database: str
    role: str
    branch: str = ""
    connection: str = "neon"
    timeout_s: float = _TIMEOUT_S

    @property
    def label(self) -> str:
        """With the Airflow connection that leads there."""
        return f"Neon (project {self.project}, connection {self.connection})"

    def find(self, name: str) -> tuple[str, ...]:
        """The branches of that name; the API finds names that hold it."""
        found = self._ask("GET", "/branches", "look for a branch", params={"search": name, "limit": 100})
        return tuple(str(each["id"]) for each in found.get("branches", ()) if each.get("name") == name)

    def create(self, name: str) -> str:
        """A branch with an endpoint. It expires by itself after a day: the last guard against one that nobody removed."""
        expires = (datetime.now(timezone.utc) + _GOOD_FOR).strftime("%Y-%m-%dT%H:%M:%SZ")
        branch = {"name": name, "expires_at": expires, **({"parent_id": self.branch} if self.branch else {})}
        wanted = {"branch": branch, "endpoints": [{"type": "read_write"}]}
        made = self._ask("POST", "/branches", "make a branch", json=wanted)
        try:
            return str(made["branch"]["id"])
        except (KeyError, TypeError):
            raise CloneAnswerLostError(self.label, "make a branch", "the answer names no branch") from None

    def reach(self, clone_id: str) -> Target | None:
        """Its URI, once the branch is ready and nothing is being done to it; an endpoint that is missing is made."""
        state = self._ask("GET", f"/branches/{clone_id}", "look at the branch").get("branch", {}).get("current_state")
        operations = self._ask("GET", "/operations", "look at its operations", params={"limit": 100})
        if state != "ready" or any(
            each.get("branch_id") == clone_id and each.get("status") in _UNFINISHED
            for each in operations.get("operations", ())
        ):
            return None
        endpoints = self._ask("GET", f"/branches/{clone_id}/endpoints", "look at its endpoints").get("endpoints", ())
        if not any(each.get("type") == "read_write" for each in endpoints):
            wanted = {"endpoint": {"branch_id": clone_id, "type": "read_write"}}
            self._ask("POST", "/endpoints", "make an endpoint", json=wanted)
            return None
        chosen = {"branch_id": clone_id, "database_name": self.database, "role_name": self.role, "pooled": "false"}
        uri = self._ask("GET", "/connection_uri", "give the connection", params=chosen).get("uri")
        return Target(f"branch {clone_id}", str(uri)) if uri else None

    def remove(self, clone_id: str) -> None:
        """Delete the branch with its endpoints. Neon may keep it recoverable for some days."""
        self._ask("DELETE", f"/branches/{clone_id}", "delete the branch", missing_is_fine=True)

    def by_hand(self, clone: str) -> str:
        """With Neon's own program, or in its console."""
        return f"`neon branches delete {clone} --project-id {self.project}`, or delete the branch in Neon's console"

    def _ask(
        self, method: str, path: str, what: str, *, missing_is_fine: bool = False, **how: Any
    ) -> Mapping[str, Any]:
        url = f"{self.url.rstrip('/')}{_API}/projects/{self.project}{path}"
        headers = {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}
        try:
            answer = httpx.request(method, url, headers=headers, timeout=self.timeout_s, verify=_certificates(), **how)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            # What the error says may quote the header: its kind is enough.
            raise CloneAnswerLostError(self.label, what, type(error).__name__) from None
        if answer.status_code == 404 and missing_is_fine:
            return {}
        if answer.status_code in _BUSY:
            raise CloneBusyError(self.label, what, f"HTTP {answer.status_code}")
        if answer.status_code >= 500:
            raise CloneAnswerLostError(self.label, what, f"HTTP {answer.status_code}")
        if answer.status_code >= 300:
            raise CloneRefusedError(self.label, what, f"HTTP {answer.status_code}{self._reason(answer)}")
        try:
            found = answer.json() if answer.content else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise CloneAnswerLostError(self.label, what, "the answer is no JSON object")
        return found

    def _reason(self, answer: httpx.Response) -> str:
        try:
            said = str(answer.json().get("message", ""))
        except (ValueError, AttributeError):
            return ""
        return f", {without_secrets(said.replace(self.key, '***'))[:200]}" if said else ""
