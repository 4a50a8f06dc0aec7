"""What a reviewer reads: the change itself, not the ends of two texts that are alike."""

from __future__ import annotations

from pg_deploy.access.facts.policies import where_they_differ
from pg_deploy.postgres.quoting import in_quotes, many


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


def test_an_identifier_in_quotation_marks_gets_no_second_pair() -> None:
    """`"public."Users""` is nothing that anybody can search for."""
    assert in_quotes("public.users") == '"public.users"'
    assert in_quotes('public."Users"') == 'public."Users"'


def test_a_role_is_not_said_twice() -> None:
    """ "anon and 1 more (anon)" was read as two roles."""
    assert many("anon", "anon", 2) == "anon and 1 more of that role"
    assert many("user a", "authenticated", 1) == "user a (authenticated)"
