"""The findings of squawk about the locks of a migration, without those that the engine takes care of itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from pg_deploy.errors import PgDeployError
from pg_deploy.parsing.splitting import parse
from pg_deploy.parsing.statements import Statement, split
from pg_deploy.parsing.tree import relation, type_and_fields
from pg_deploy.preflight.errors import LockLintError
from pg_deploy.preflight.lock_finding import LockFinding
from pg_deploy.preflight.transaction_lint import transaction_findings

_TIMEOUT_S = 60.0
_MOST_LINES = 12
_MOST_CHARACTERS = 5_000_000
"""A text that is longer is a bulk insert: what its statements do to each other is not looked at."""
AT_ONCE = 500
"""One call of squawk gets at most this many texts."""
# The engine gives every statement a deadline, except CONCURRENTLY, where one would leave an invalid index behind. It owns the
# transactions, so nothing runs twice. And IF NOT EXISTS would hide the invalid index that a failed build leaves.
_ENGINE_TAKES_CARE = frozenset({"require-lock-timeout", "require-statement-timeout", "prefer-robust-stmts"})
HOLDS_LOCKS = "it rewrites or scans a table under a lock, or breaks clients that run"
NOBODY_LOOKED = "the lock lint did not answer, so nobody looked which locks it holds"
# squawk calls nearly everything a warning. These make others wait for a scan or a rewrite, or break running clients.
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
_PSQL_LINE = re.compile(r"^\\(?:un)?restrict\b[^\r\n]*", re.MULTILINE)
"""The two lines of a dump that the parser reads as blanks."""
_TEMPORARY = re.compile(r"create\s+(?:(?:local|global)\s+)?temp", re.IGNORECASE)
_QUALIFIED = re.compile(r'(?:[^".]+|"(?:[^"]|"")*")\.')


def lint_locks(texts: Sequence[str], *, server_version: int) -> tuple[tuple[LockFinding, ...], ...]:
    """The findings on each migration's text, for a server version as psycopg gives it (150018). Touches no database.

    Several texts cost hardly more than one: most of the time squawk needs to start.
    Raises LockLintError if squawk is missing, takes over a minute, or answers with anything but findings.
    """
    findings: list[tuple[LockFinding, ...]] = []
    for start in range(0, len(texts), AT_ONCE):
        part = texts[start : start + AT_ONCE]
        by_name = _run_squawk(part, server_version)
        findings += [
            (*_relevant_findings(by_name[_file_name(number)], text), *_transaction_findings(text))
            for number, text in enumerate(part)
        ]
    return tuple(findings)


def _transaction_findings(sql: str) -> tuple[LockFinding, ...]:
    if len(sql) > _MOST_CHARACTERS:
        return ()
    try:
        return tuple(transaction_findings(sql))
    except PgDeployError:
        return ()  # an unreadable text is reported elsewhere


def _run_squawk(texts: Sequence[str], server_version: int) -> dict[str, list[dict[str, object]]]:
    """squawk's answer, by the names of the files that it was given."""
    with tempfile.TemporaryDirectory(prefix="pg_deploy-lint-") as folder:
        for number, text in enumerate(texts):
            # Byte for byte: a translated line end would move the places of the findings.
            (Path(folder) / _file_name(number)).write_text(text, encoding="utf-8", newline="")
        command = [_squawk(), "--reporter", "json", "--pg-version", str(server_version // 10000)]
        command += [str(Path(folder) / _file_name(number)) for number in range(len(texts))]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LockLintError(str(error)) from error
    if done.returncode not in (0, 1):  # 1 if there are findings
        raise LockLintError(f"it ended with {done.returncode}, {done.stderr.strip()[:200]}".rstrip(", "))
    by_name: dict[str, list[dict[str, object]]] = {_file_name(number): [] for number in range(len(texts))}
    try:
        for item in json.loads(done.stdout or "[]"):
            by_name[Path(str(item["file"])).name].append(item)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise LockLintError((done.stderr or done.stdout).strip()[:200]) from error
    return by_name


def _file_name(number: int) -> str:
    return f"{number:06}.sql"


def _squawk() -> str:
    beside_python = Path(sys.executable).with_name("squawk")
    program = str(beside_python) if beside_python.exists() else shutil.which("squawk")
    if program is None:
        raise LockLintError("the program squawk is not installed")
    return program


def lock_lint_lines(
    texts: Sequence[str], *, server_version: int, also: Sequence[Sequence[LockFinding]] = ()
) -> list[tuple[tuple[str, ...], str]]:
    """For each text the lines of plan and approval, one for each finding, and why a person has to look, "" if nobody has to.

    `also` holds further findings for each text. If squawk does not answer, a line says so, and a person has to look.
    """
    more = also or [()] * len(texts)
    try:
        findings = lint_locks(texts, server_version=server_version)
        return [_lines((*own, *others)) for own, others in zip(findings, more, strict=True)]
    except LockLintError as error:
        own = [(*_transaction_findings(text), *others) for text, others in zip(texts, more, strict=True)]
        return [((str(error), *_lines(each)[0]), NOBODY_LOOKED) for each in own]


def _lines(findings: Sequence[LockFinding]) -> tuple[tuple[str, ...], str]:
    ordered = sorted(findings, key=lambda finding: (finding.level, finding.line))
    lines = [f"{finding.level}: {' '.join(finding.sentence.split())}" for finding in ordered[:_MOST_LINES]]
    if len(ordered) > _MOST_LINES:
        lines.append(f"and {len(ordered) - _MOST_LINES} more")
    return tuple(lines), HOLDS_LOCKS if any(finding.level == "error" for finding in findings) else ""


def _relevant_findings(answer: list[dict[str, object]], sql: str) -> Iterator[LockFinding]:
    harmless_lines = _lines_about_new_relations(sql) if answer else set()
    for item in answer:
        rule = str(item["rule_name"])
        first, last = int(str(item["line"])) + 1, int(str(item.get("line_end") or item["line"])) + 1
        if rule in _ENGINE_TAKES_CARE or all(line in harmless_lines for line in range(first, last + 1)):
            continue
        level = "error" if rule in _ERRORS else str(item["level"]).lower()
        yield LockFinding(rule, level, first, str(item["message"]), str(item.get("help") or ""))


def _lines_about_new_relations(sql: str) -> set[int]:
    """The lines (from 1) that hold only statements about relations that the file itself certainly made: nobody else uses these yet."""
    try:
        statements = split(sql, file="")
    except PgDeployError:
        return set()
    sql = _PSQL_LINE.sub(lambda line: " " * len(line.group()), sql)
    made: set[str] = set()
    harmless: set[int] = set()
    others: set[int] = set()
    end, last_line = 0, 1
    for statement in statements:
        start = sql.find(statement.sql, end)
        if start < 0:
            return set()
        last_line += sql.count("\n", end, start + len(statement.sql))
        end = start + len(statement.sql)
        if made and _is_about_only(statement, made):
            harmless.update(range(statement.line, last_line + 1))
        else:
            # Statements meet in a line where one ends and the next begins.
            others |= {statement.line, last_line}
        if not statement.may_exist_before:
            schema = "pg_temp" if _TEMPORARY.match(statement.summary) else "public"
            made |= {_with_schema(each.name, schema) for each in statement.creates if each.kind in _MADE_KINDS}
    return harmless - others


def _is_about_only(statement: Statement, made: Set[str]) -> bool:
    """Whether all relations that the statement changes or drops are among those."""
    if statement.writes_rows:
        return False
    kind, stmt = type_and_fields(parse(statement.brief, file="")[0].tree)
    names = (
        [dropped.on or dropped.name for dropped in statement.drops]
        if kind == "DropStmt"
        else [relation(stmt.get("relation") or stmt.get("table"))]
    )
    return bool(names) and all({_with_schema(each, "pg_temp"), _with_schema(each, "public")} & made for each in names)


def _with_schema(name: str, default: str) -> str:
    """Without a schema the search_path decides: the temporary one, or else, unless somebody set it, public."""
    return name if _QUALIFIED.match(name) else f"{default}.{name}"
