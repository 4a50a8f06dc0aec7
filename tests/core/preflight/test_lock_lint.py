"""squawk's findings about a migration's locks, without those that the engine takes care of."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pg_deploy.preflight.lock_finding import LockFinding
from pg_deploy.preflight.lock_lint import AT_ONCE, HOLDS_LOCKS, NOBODY_LOOKED, lint_locks, lock_lint_lines
from pg_deploy.preflight.transaction_lint import transaction_findings

MIGRATIONS = Path(__file__).resolve().parents[3] / "sql" / "migrations"


def _lint(sql: str) -> tuple[LockFinding, ...]:
    return lint_locks([sql], server_version=150018)[0]


def test_a_statement_that_rewrites_or_blocks_is_found_with_its_line() -> None:
    """A foreign key that is validated at once locks two tables for as long as the larger one is long."""
    found = _lint("select 1;\nalter table public.a add constraint f foreign key (b_id) references public.b (id);")
    assert {finding.rule for finding in found} >= {"adding-foreign-key-constraint"}
    assert all(finding.line == 2 for finding in found)
    assert all(finding.level in ("error", "warning") and finding.message for finding in found)


def test_no_lock_timeout_is_asked_for_a_concurrent_build() -> None:
    """A lock_timeout would cancel the build behind an old transaction and leave an invalid index."""
    assert _lint("create index concurrently i on public.a (b);") == ()


@pytest.mark.parametrize("path", sorted(MIGRATIONS.glob("*.sql")), ids=lambda path: path.stem)
def test_our_own_migrations_have_no_error(path: Path) -> None:
    """What we ship is what people copy."""
    found = _lint(path.read_text())
    assert [finding.sentence for finding in found if finding.level == "error"] == []


def test_nobody_waits_for_a_relation_that_the_same_file_made_above() -> None:
    """An index on a view that was just made blocks nobody; an alarm there is one that people learn to wave through."""
    made = "create materialized view public.v as select 1 as a;\ncreate unique index v_a on public.v (a);"
    assert _lint(made) == ()
    [(lines, reason)] = lock_lint_lines(["create index i on public.old (a);"], server_version=150018)
    assert reason == HOLDS_LOCKS
    assert lines[0].startswith("error: line 1: ")


@pytest.mark.parametrize("program", ["", "kill -9 $$", "exit 101", "echo no JSON", "echo '{\"a\": 1}'"])
def test_if_squawk_does_not_answer_a_person_has_to_look(
    program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A worker without the linter would else deploy unasked what asks a person everywhere else; our own findings stay."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    if program:
        (tmp_path / "squawk").write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / "squawk").chmod(0o755)
    sql = "alter table public.a add constraint c check (b > 0) not valid;\nalter table public.a validate constraint c;"

    [(lines, reason)] = lock_lint_lines([sql], server_version=150018)

    assert reason == NOBODY_LOOKED
    assert lines[0].startswith('the lock lint "squawk" did not answer')
    assert (
        [line.partition(": ")[2] for line in lines[1:]] == [each.sentence for each in transaction_findings(sql)] != []
    )


def test_each_of_many_texts_keeps_its_own_findings() -> None:
    """A finding about another file would ask for the wrong approval."""
    texts = [
        "select 1;\r\ncreate index i on public.old (a);\r\n" if n % 7 == 3 else f"select {n};"
        for n in range(AT_ONCE + 9)
    ]
    texts[0], texts[AT_ONCE] = "this is no SQL", "drop table public.old;"
    found = lint_locks(texts, server_version=150018)
    assert len(found) == len(texts)
    for number, (text, findings) in enumerate(zip(texts, found, strict=True)):
        rules = {finding.rule for finding in findings}
        if number == 0:
            assert "syntax-error" in rules
        elif number == AT_ONCE:
            assert "ban-drop-table" in rules
        elif "index" in text:
            assert "require-concurrent-index-creation" in rules
            assert {finding.line for finding in findings} == {2}
        else:
            assert rules == set()


@pytest.mark.parametrize(
    "made",
    [
        "create table if not exists public.a (id int);",
        "-- create table public.a (id int);\nselect 1;",
        "create function f() returns void language sql as 'create table public.a (id int)';",
        "create table other.a (id int);",
        "create temporary table a (id int);",
    ],
)
def test_a_table_that_may_have_existed_before_is_dropped_with_its_rows(made: str) -> None:
    """`create table if not exists`, then `drop table`: green, and a table of fifty rows was gone."""
    found = _lint(f"{made}\ndrop table public.a;")
    assert "ban-drop-table" in {finding.rule for finding in found}


def test_a_table_that_was_certainly_made_above_may_be_dropped() -> None:
    """Nobody else uses a helper table."""
    found = _lint("create table public.a (id int);\ndrop table public.a;")
    assert "ban-drop-table" not in {finding.rule for finding in found}


@pytest.mark.parametrize(
    "drop",
    [
        "drop table public.a, public.old;",
        "drop table public.a; drop table public.old;",
        "drop table public.old; drop table public.a;",
        "alter table public.a\n  drop column id; drop table public.old;",
        "drop table public.old; -- on public.a",
        "-- a page break: \f\ndrop table public.a;\n\ndrop table public.old;",
        """drop table "other"."a";""",
    ],
)
def test_an_old_table_that_is_dropped_beside_a_new_one_is_found(drop: str) -> None:
    """Else a table with rows would be dropped unasked, because a helper table stands in the same line."""
    assert "ban-drop-table" in {each.rule for each in _lint(f"create table public.a (id int);\n{drop}")}


@pytest.mark.parametrize(
    "sql",
    [
        "create temp table t (id bigint);\ncreate index on t (id);",
        'create table "A.b" (id bigint);\nalter table public."A.b"\n  drop column id,\n  add column x bigint;',
        "-- ä\r\ncreate table a (id bigint);\r\n\r\n-- why\r\ncreate index\r\n  on public.a (id);\r\ndrop table a;\r\n",
        "begin;\ncreate table a (id bigint);\ndrop table a;\ncommit;",
        "--\n\\restrict x1\n\ncreate table a (id bigint);\ndrop table a;\n--\n\\unrestrict x1\n",
    ],
)
def test_nothing_is_found_about_a_table_that_the_file_made(sql: str) -> None:
    """However it is spelled, nobody else uses it yet."""
    assert _lint(sql) == ()
