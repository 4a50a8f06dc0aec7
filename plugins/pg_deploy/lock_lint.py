"""What squawk says about the locks of a migration, without what the engine sees to itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pg_deploy.errors import LockLintError

TIMEOUT_S = 60.0
# The engine gives every statement a deadline, and none to CONCURRENTLY, where one would leave an invalid index behind.
_ENGINE_SEES_TO = frozenset({"require-lock-timeout", "require-statement-timeout"})
_CONCURRENTLY = re.compile(r"\bconcurrently\b", re.IGNORECASE)


@dataclass(frozen=True)
class LockFinding:
    """One finding: squawk's rule, its level (`error` needs approval, `warning` is shown), the line (from 1) and what to do."""

    rule: str
    level: str
    line: int
    message: str
    help: str

    @property
    def sentence(self) -> str:
        """For people."""
        return f"line {self.line}: {self.message} ({self.rule})" + (f"; {self.help}" if self.help else "")


def lint_locks(sql: str, *, server_version: int) -> tuple[LockFinding, ...]:
    """squawk's findings on a migration's text, for a server as psycopg gives its version (150018). Touches no database.

    Raises LockLintError where squawk is missing, takes over a minute, or answers with something else than findings.
    """
    command = [
        _squawk(),
        "--reporter",
        "json",
        "--pg-version",
        str(server_version // 10000),
        "--stdin-filepath",
        "migration.sql",
    ]
    try:
        done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LockLintError(str(error)) from error
    try:
        found = json.loads(done.stdout or "[]")
    except json.JSONDecodeError as error:
        raise LockLintError((done.stderr or done.stdout).strip()[:200]) from error
    return tuple(_kept(found, sql))


def _squawk() -> str:
    beside = Path(sys.executable).with_name("squawk")
    found = str(beside) if beside.exists() else shutil.which("squawk")
    if found is None:
        raise LockLintError("the program squawk is not installed")
    return found


def _kept(found: list[dict[str, object]], sql: str) -> Iterator[LockFinding]:
    lines = sql.splitlines()
    for item in found:
        rule = str(item["rule_name"])
        first, last = int(str(item["line"])), int(str(item.get("line_end") or item["line"]))
        if rule in _ENGINE_SEES_TO:
            continue
        if rule == "prefer-robust-stmts" and _CONCURRENTLY.search("\n".join(lines[first : last + 1])):
            continue  # IF NOT EXISTS would hide the invalid index that a failed build leaves
        yield LockFinding(
            rule, str(item["level"]).lower(), first + 1, str(item["message"]), str(item.get("help") or "")
        )
