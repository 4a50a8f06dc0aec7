"""Clones by a program of the installation's own: it is called with a verb and one word, and answers with one JSON object.

`create NAME` prints {"id": …}; `find NAME` prints {"ids": […]}; `reach ID` prints {"conninfo": …}, or {} while it is not ready;
`remove ID` prints nothing and succeeds if it is gone. What it writes to stderr goes into the log of the task.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pg_deploy.postgres.programs import tied_to_our_process
from pg_deploy.postgres.session import Target
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.rehearsal.clones.errors import CloneAnswerLostError, CloneRefusedError

_TIMEOUT_S = 600.0
_TAKEN_FROM_TARGET = ("user", "password", "dbname")


@dataclass(frozen=True)
class Command:
    """A program with its first arguments. `secrets` are variables of its environment; `timeout_s` is for each call."""

    words: tuple[str, ...]
    target: Target
    log: logging.Logger = field(repr=False)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float = _TIMEOUT_S

    @property
    def label(self) -> str:
        """The program's own path: its arguments are nobody's business."""
        return f"the command {self.words[0]}"

    def find(self, name: str) -> tuple[str, ...]:
        """What the program's `find` says."""
        found = self._run("find", name).get("ids")
        if not isinstance(found, list):
            raise CloneAnswerLostError(self.label, "find", 'it printed no {"ids": […]}')
        return tuple(str(each) for each in found)

    def create(self, name: str) -> str:
        """What the program's `create` says."""
        made = self._run("create", name).get("id")
        if not made:
            raise CloneAnswerLostError(self.label, "create", 'it printed no {"id": …}')
        return str(made)

    def reach(self, clone_id: str) -> Target | None:
        """Where the program says it is; user, password and database are the target's unless it names others."""
        given = self._run("reach", clone_id).get("conninfo")
        if not given:
            return None
        try:
            there = conninfo_to_dict(str(given))
        except ProgrammingError:
            # What the error says quotes the text, with the password in it.
            raise CloneRefusedError(self.label, "reach", "it printed a conninfo that libpq cannot read") from None
        here = conninfo_to_dict(self.target.conninfo)
        same = {key: here[key] for key in _TAKEN_FROM_TARGET if here.get(key) is not None}
        return Target(f"clone {clone_id}", make_conninfo("", **{**same, **there}))

    def remove(self, clone_id: str) -> None:
        """The program's `remove`."""
        self._run("remove", clone_id)

    def by_hand(self, clone: str) -> str:
        """By the same program."""
        return f"`{self.words[0]} remove {clone}` on a worker, or with the provider's own means"

    def _run(self, verb: str, word: str) -> Mapping[str, Any]:
        """What it printed. Killed with all that it started after `timeout_s`, and with our own process."""
        command = [*self.words, verb, word]
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    tied_to_our_process(command, "TERM") or command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    env=self._environment(),
                    start_new_session=True,
                )
            except OSError as error:
                raise CloneRefusedError(self.label, verb, error.strerror or "it cannot be started") from None
            try:
                output, _ = process.communicate(timeout=self.timeout_s)
            except BaseException as error:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                if isinstance(error, subprocess.TimeoutExpired):
                    raise CloneAnswerLostError(self.label, verb, f"it took longer than {self.timeout_s:g} s") from None
                raise
            said.seek(0)
            for line in said.read().decode("utf-8", "replace").splitlines()[-50:]:
                self.log.info("  %s: %s", verb, self._clean(line))
        if process.returncode:
            # A program that failed may have asked its provider before it did.
            raise CloneAnswerLostError(self.label, verb, f"it ended with {process.returncode}")
        try:
            found = json.loads(output or b"{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise CloneAnswerLostError(self.label, verb, "it printed no JSON object")
        return found

    def _environment(self) -> dict[str, str]:
        """The worker's, without Airflow's own settings and connections, which hold its keys."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        return {**own, **self.secrets}

    def _clean(self, line: str) -> str:
        for secret in self.secrets.values():
            line = line.replace(secret, "***") if secret else line
        return without_secrets(line)
