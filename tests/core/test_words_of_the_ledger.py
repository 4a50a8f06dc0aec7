"""What the ledger keeps is compared by member and read as values: a misspelt word compares as unequal, and nobody hears of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pg_deploy.ledger import attempt, deployment
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds import access, approval, backup, benchmark, check, clone, rehearsal, report, rollback
from pg_deploy.monitor.watch import Change
from pg_deploy.reporting.endings import Ending

PLUGINS = Path(__file__).resolve().parents[2] / "plugins" / "pg_deploy"
ENUMS = (
    attempt.State,
    deployment.State,
    Kind,
    Ending,
    Change,
    access.Verdict,
    access.Outcome,
    access.CellOutcome,
    approval.Answer,
    backup.BackupOutcome,
    backup.RestoreOutcome,
    benchmark.BenchmarkOutcome,
    check.CheckOutcome,
    clone.CloneState,
    rehearsal.RehearsalOutcome,
    report.Verdict,
    rollback.ProofOutcome,
)
WORDS = {str(word) for enum in ENUMS for word in enum}
# Airflow's tasks, a server's sessions, facts, lints and declarations have states, kinds and words of their own: a word that might
# be one of theirs is looked for only where its attribute says whose it is.
UNMISTAKABLE = {word for word in WORDS if " " in word or "_" in word} - {"rollback_failed"} | {
    "snapshotted",
    "baselined",
}
ATTRIBUTES = {"outcome", "verdict", "state", "kind"}
TEXT_METHODS = ("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split")
MARKS = ("✓", "✗", "–", "ALERT", "user ")
# Whose `detail` is another: a finding of the lints, and what the monitor measures. A sample is read beside its class, and
# ledger/kept_values.py reads what every kind keeps.
OTHER_DETAILS = {
    "catalog/finding.py",
    "deployment/lints.py",
    "ledger/kept_values.py",
    "access/sampling/sample.py",
    *(path.relative_to(PLUGINS).as_posix() for path in (PLUGINS / "monitor").glob("*.py")),
}


def _literals(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        for each in node.elts:
            yield from _literals(each)


def _is_state_of_a_task(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "state" and ast.unparse(node.value).startswith("task")


def compared(source: str) -> list[str]:
    """The comparisons, matches and calls of text methods in a module that spell out a word of the ledger, or a mark."""
    found = []
    for node in ast.walk(ast.parse(source)):
        words: set[str] = set()
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            words = {word for operand in operands for word in _literals(operand)}
            names_the_ledger = any(
                isinstance(operand, ast.Attribute) and operand.attr in ATTRIBUTES for operand in operands
            )
            words &= WORDS if names_the_ledger and not any(map(_is_state_of_a_task, operands)) else UNMISTAKABLE
        elif isinstance(node, ast.MatchValue):
            words = set(_literals(node.value)) & UNMISTAKABLE
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TEXT_METHODS:
            given = {word for argument in node.args for word in _literals(argument)}
            words = {word for word in given if word in UNMISTAKABLE or word.startswith(MARKS)}
        if words:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")  # type: ignore[attr-defined]
    return found


def details_read(source: str) -> list[str]:
    """Where a module looks into the detail of something."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute) and node.attr == "detail"]
    return [f"line {node.lineno}: {ast.unparse(node)}" for node in nodes]


def _modules() -> Iterator[tuple[str, str]]:
    for path in sorted(PLUGINS.rglob("*.py")):
        yield path.relative_to(PLUGINS).as_posix(), path.read_text(encoding="utf-8")


def test_no_word_of_the_ledger_is_compared_by_its_text() -> None:
    """Such a comparison looked for "not proven" where the word is "not proved", and took what proved nothing for a proof."""
    assert [f"{name}, {line}" for name, source in _modules() for line in compared(source)] == []


def test_the_detail_of_evidence_is_read_in_one_place() -> None:
    """Where each reader names the keys, one that an older row lacks breaks a page, and a new one is forgotten somewhere."""
    found = [
        f"{name}, {line}"
        for name, source in _modules()
        if not name.startswith("ledger/kinds/") and name not in OTHER_DETAILS
        for line in details_read(source)
    ]
    assert found == []


def test_what_these_tests_look_for_is_seen() -> None:
    """A guard that sees nothing is green for ever."""
    for broken in (
        'x = attempt.state == "verified"',
        'x = attempt.state in ("applied", "applying")',
        'x = word == "rolling_back"',
        'x = row.kind == "check"',
        'x = row.outcome != "approved"',
        'x = str(proof.verdict).startswith("not proved")',
        'x = line.lstrip().startswith("✗")',
        'x = label.removeprefix("user ")',
        'match word:\n    case "not rehearsed":\n        pass',
    ):
        assert compared(broken), broken
    assert details_read('x = row.detail["lines"]')
    for fine in (
        'x = fact.kind == "table"',
        'x = task.state == "failed"',
        'x = conf.on_failure == "rollback_failed"',
        "x = attempt.state == State.VERIFIED",
    ):
        assert compared(fine) == [], fine
