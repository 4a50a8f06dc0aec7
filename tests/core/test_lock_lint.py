"""squawk's opinion of a migration's locks, less what the engine sees to."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.lock_lint import lint_locks, lock_lint_lines

MIGRATIONS = Path(__file__).resolve().parents[2] / "sql" / "migrations"


def test_a_statement_that_rewrites_or_blocks_is_found_with_its_line() -> None:
    """A foreign key that is validated at once locks two tables for as long as the larger one is long."""
    found = lint_locks(
        "select 1;\nalter table public.a add constraint f foreign key (b_id) references public.b (id);",
        server_version=150018,
    )
    assert {finding.rule for finding in found} >= {"adding-foreign-key-constraint"}
    assert all(finding.line == 2 for finding in found)
    assert all(finding.level in ("error", "warning") and finding.message for finding in found)


def test_no_lock_timeout_is_asked_for_a_concurrent_build() -> None:
    """A lock_timeout would cancel the build behind an old transaction and leave an invalid index."""
    assert lint_locks("create index concurrently i on public.a (b);", server_version=150018) == ()


@pytest.mark.parametrize("path", sorted(MIGRATIONS.glob("*.sql")), ids=lambda path: path.stem)
def test_our_own_migrations_have_no_error(path: Path) -> None:
    """What we ship is what people copy."""
    found = lint_locks(path.read_text(), server_version=150018)
    assert [finding.sentence for finding in found if finding.level == "error"] == []


def test_what_the_same_file_has_made_above_is_nobodys_to_wait_for() -> None:
    """An index on a view that was just made blocks nobody; an alarm there is one that people learn to wave through."""
    made = "create materialized view public.v as select 1 as a;\ncreate unique index v_a on public.v (a);"
    assert lint_locks(made, server_version=150018) == ()
    lines, needs_approval = lock_lint_lines("create index i on public.old (a);", server_version=150018)
    assert needs_approval
    assert lines[0].startswith("error: line 1: ")
