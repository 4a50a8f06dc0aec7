"""What a reviewer reads: the change itself, not the ends of two texts that are alike."""

from __future__ import annotations

from pg_deploy.access.policies import where_they_differ


def test_a_long_predicate_is_shown_where_it_differs() -> None:
    """Cut at 300 characters, both sides of a change at the end read alike."""
    head, tail = "a or " * 100, " and z" * 100
    was, is_now = where_they_differ(f"{head}(status = 'active'){tail}", f"{head}(status <> 'x'){tail}")
    assert "status = 'active'" in was
    assert "status <> 'x'" in is_now
    assert max(len(was), len(is_now)) < 320


def test_short_predicates_are_shown_whole() -> None:
    """Nothing is gained by cutting what fits on a line."""
    assert where_they_differ("using (true)", "using (false)") == ("using (true)", "using (false)")
