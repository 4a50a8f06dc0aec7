"""What squawk says about the locks of a migration, without what the engine sees to itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pg_deploy.errors import PgDeployError
from pg_deploy.parsing.statements import split
from pg_deploy.preflight.errors import LockLintError
from pg_deploy.preflight.lock_finding import LockFinding
from pg_deploy.preflight.transaction_lint import transaction_findings

TIMEOUT_S = 60.0
MOST_LINES = 12
_READ_UP_TO = 5_000_000
"""Characters of a text that is read once more for what its statements do to each other; a bulk insert does nothing of that."""
AT_ONCE = 500
"""Texts that one call of squawk is given, at most."""
# The engine gives every statement a deadline, and none to CONCURRENTLY, where one would leave an invalid index behind. It
# owns the transactions, so nothing runs twice; IF NOT EXISTS would hide the invalid index that a failed build leaves.
_ENGINE_SEES_TO = frozenset({"require-lock-timeout", "require-statement-timeout", "prefer-robust-stmts"})
# squawk calls nearly everything a warning. These make others wait for a scan or a rewrite, or break clients that run.
_ERRORS = frozenset(
    {
        "adding-field-with-default",
        "adding-foreign-key-constraint",
        "adding-not-nullable-field",
        "adding-serial-primary-key-field",
        "ban-drop-column",
        "ban-drop-database",
        "ban-drop-not-null",
        "ban-drop-table",
        "ban-truncate-cascade",
        "changing-column-type",
        "constraint-missing-not-valid",
        "disallowed-unique-constraint",
        "renaming-column",
        "renaming-table",
        "require-concurrent-index-creation",
        "require-concurrent-index-deletion",
    }
)
_MADE_KINDS = frozenset({"table", "foreign table", "materialized view"})


def lint_locks(sql: str, *, server_version: int) -> tuple[LockFinding, ...]:
    """squawk's findings on a migration's text, for a server as psycopg gives its version (150018). Touches no database.

    Raises LockLintError where squawk is missing, takes over a minute, or answers with something else than findings.
    """
    return lint_all([sql], server_version=server_version)[0]


def lint_all(texts: Sequence[str], *, server_version: int) -> tuple[tuple[LockFinding, ...], ...]:
    """As `lint_locks`, of several texts, which costs hardly more than of one: to start squawk takes longer than its work."""
    found: list[tuple[LockFinding, ...]] = []
    for start in range(0, len(texts), AT_ONCE):
        part = texts[start : start + AT_ONCE]
        by_name = _asked(part, server_version)
        found += [(*_kept(by_name[_name(number)], text), *_of_transactions(text)) for number, text in enumerate(part)]
    return tuple(found)


def _of_transactions(sql: str) -> tuple[LockFinding, ...]:
    if len(sql) > _READ_UP_TO:
        return ()
    try:
        return tuple(transaction_findings(sql))
    except PgDeployError:
        return ()  # what cannot be read is told elsewhere


def _asked(texts: Sequence[str], server_version: int) -> dict[str, list[dict[str, object]]]:
    with tempfile.TemporaryDirectory(prefix="pg_deploy-lint-") as folder:
        for number, text in enumerate(texts):
            # As it is: a line end that is translated would move what is found.
            (Path(folder) / _name(number)).write_text(text, encoding="utf-8", newline="")
        command = [_squawk(), "--reporter", "json", "--pg-version", str(server_version // 10000)]
        command += [str(Path(folder) / _name(number)) for number in range(len(texts))]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LockLintError(str(error)) from error
    by_name: dict[str, list[dict[str, object]]] = {_name(number): [] for number in range(len(texts))}
    try:
        for item in json.loads(done.stdout or "[]"):
            by_name[Path(str(item["file"])).name].append(item)
    except (json.JSONDecodeError, KeyError) as error:
        raise LockLintError((done.stderr or done.stdout).strip()[:200]) from error
    return by_name


def _name(number: int) -> str:
    return f"{number:06}.sql"


def _squawk() -> str:
    beside = Path(sys.executable).with_name("squawk")
    found = str(beside) if beside.exists() else shutil.which("squawk")
    if found is None:
        raise LockLintError("the program squawk is not installed")
    return found


def lock_lint_lines(
    texts: Sequence[str], *, server_version: int, also: Sequence[Sequence[LockFinding]] = ()
) -> list[tuple[tuple[str, ...], bool]]:
    """What the plan and the approval show of each text, one line a finding, and whether any needs an approval.

    `also`: what was found otherwise, for each text.

    A linter that does not answer is said in a line, and needs no approval: it decides nothing by itself.
    """
    try:
        found = lint_all(texts, server_version=server_version)
        return [_lines((*each, *more)) for each, more in zip(found, also or [()] * len(texts), strict=True)]
    except LockLintError as error:
        return [((str(error),), False) for _ in texts]


def _lines(found: Sequence[LockFinding]) -> tuple[tuple[str, ...], bool]:
    ordered = sorted(found, key=lambda finding: (finding.level, finding.line))
    lines = [f"{finding.level}: {' '.join(finding.sentence.split())}" for finding in ordered[:MOST_LINES]]
    if len(ordered) > MOST_LINES:
        lines.append(f"and {len(ordered) - MOST_LINES} more")
    return tuple(lines), any(finding.level == "error" for finding in found)


def _kept(found: list[dict[str, object]], sql: str) -> Iterator[LockFinding]:
    if not found:
        return
    lines = sql.splitlines()
    made = _made(sql)
    for item in found:
        rule = str(item["rule_name"])
        first, last = int(str(item["line"])), int(str(item.get("line_end") or item["line"]))
        if rule in _ENGINE_SEES_TO:
            continue
        above = [name for line, name in made if line <= first]
        if _on_what_is_new("\n".join(lines[first : last + 1]), above):
            continue  # nobody else knows it yet
        level = "error" if rule in _ERRORS else str(item["level"]).lower()
        yield LockFinding(rule, level, first + 1, str(item["message"]), str(item.get("help") or ""))


def _made(sql: str) -> list[tuple[int, str]]:
    """The relations that the file surely makes, with their lines: not those that IF NOT EXISTS may have found there."""
    try:
        statements = split(sql, file="")
    except PgDeployError:
        return []
    return [
        (each.line, created.name)
        for each in statements
        if not each.may_exist_before
        for created in each.creates
        if created.kind in _MADE_KINDS
    ]


def _on_what_is_new(statement: str, above: Sequence[str]) -> bool:
    """Whether a statement speaks of a relation that the same file has made above it."""
    for name in above:
        schema, _, last = name.rpartition(".")
        before = rf'(?:"?{re.escape(schema.strip(chr(34)))}"?\.)' if schema else ""
        # Without a schema the search_path decides, which is public but for those who set it.
        qualified = f"{before}?" if schema in ("", "public") else before
        qualified = qualified if schema else r"(?:public\.)?"
        bare = re.escape(last.strip('"'))
        if re.search(
            rf'\b(?:on|table|view)\s+(?:only\s+|if\s+exists\s+)*{qualified}"?{bare}"?(?![\w$.])',
            statement,
            re.IGNORECASE,
        ):
            return True
    return False
