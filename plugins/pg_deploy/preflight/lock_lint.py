"""The findings of squawk about the locks of a migration, without those that the engine takes care of itself."""

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
"""Characters of a text whose statements are read together, for what they do to each other. A longer one is a bulk insert."""
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


def lint_locks(sql: str, *, server_version: int) -> tuple[LockFinding, ...]:
    """squawk's findings on a migration's text, for a server version as psycopg gives it (150018). Touches no database.

    Raises LockLintError if squawk is missing, takes over a minute, or answers with anything but findings.
    """
    return lint_all([sql], server_version=server_version)[0]


def lint_all(texts: Sequence[str], *, server_version: int) -> tuple[tuple[LockFinding, ...], ...]:
    """As `lint_locks`, for several texts. It costs hardly more than one: most of the time squawk needs to start."""
    findings: list[tuple[LockFinding, ...]] = []
    for start in range(0, len(texts), AT_ONCE):
        part = texts[start : start + AT_ONCE]
        by_name = _run_squawk(part, server_version)
        findings += [
            (*_relevant(by_name[_name(number)], text), *_of_transactions(text)) for number, text in enumerate(part)
        ]
    return tuple(findings)


def _of_transactions(sql: str) -> tuple[LockFinding, ...]:
    if len(sql) > _READ_UP_TO:
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
        findings = lint_all(texts, server_version=server_version)
        return [_lines((*own, *others)) for own, others in zip(findings, more, strict=True)]
    except LockLintError as error:
        own = [(*_of_transactions(text), *others) for text, others in zip(texts, more, strict=True)]
        return [((str(error), *_lines(each)[0]), NOBODY_LOOKED) for each in own]


def _lines(findings: Sequence[LockFinding]) -> tuple[tuple[str, ...], str]:
    ordered = sorted(findings, key=lambda finding: (finding.level, finding.line))
    lines = [f"{finding.level}: {' '.join(finding.sentence.split())}" for finding in ordered[:MOST_LINES]]
    if len(ordered) > MOST_LINES:
        lines.append(f"and {len(ordered) - MOST_LINES} more")
    return tuple(lines), HOLDS_LOCKS if any(finding.level == "error" for finding in findings) else ""


def _relevant(answer: list[dict[str, object]], sql: str) -> Iterator[LockFinding]:
    if not answer:
        return
    lines = sql.splitlines()
    made = _made_relations(sql)
    for item in answer:
        rule = str(item["rule_name"])
        first, last = int(str(item["line"])), int(str(item.get("line_end") or item["line"]))
        if rule in _ENGINE_TAKES_CARE:
            continue
        above = [name for line, name in made if line <= first]
        if _is_on_one_of("\n".join(lines[first : last + 1]), above):
            continue  # nobody else uses that relation yet
        level = "error" if rule in _ERRORS else str(item["level"]).lower()
        yield LockFinding(rule, level, first + 1, str(item["message"]), str(item.get("help") or ""))


def _made_relations(sql: str) -> list[tuple[int, str]]:
    """The relations that the file certainly makes, with their lines. With IF NOT EXISTS a relation may have existed before."""
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


def _is_on_one_of(statement: str, relations: Sequence[str]) -> bool:
    """Whether a statement is on one of these relations."""
    for name in relations:
        schema, _, last = name.rpartition(".")
        # Without a schema the search_path decides, and unless somebody set it, that is public.
        qualified = rf'(?:"?{re.escape(schema.strip(chr(34)))}"?\.)' if schema else r"(?:public\.)?"
        if schema == "public":
            qualified += "?"
        bare = re.escape(last.strip('"'))
        if re.search(
            rf'\b(?:on|table|view)\s+(?:only\s+|if\s+exists\s+)*{qualified}"?{bare}"?(?![\w$.])',
            statement,
            re.IGNORECASE,
        ):
            return True
    return False
