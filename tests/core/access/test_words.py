"""What a reviewer reads: the change itself, not the ends of two texts that are alike."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from pg_deploy.access.facts.api import SUPABASE
from pg_deploy.access.facts.policies import policy_changes, where_they_differ
from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.reader import Fact, Facts
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


def _policies(**roles_of: str) -> Facts:
    """A table with policies for select, each to these roles."""
    facts = [Fact("table", parsed("table", "public.t"), "{}", "database")]
    for name, roles in roles_of.items():
        properties = {"command": "select", "roles": roles.split(), "using": f"({name} = 1)"}
        facts.append(Fact("policy", parsed("policy", f"public.t.{name}"), json.dumps(properties), "database"))
    return Facts(frozenset(facts), 160000, datetime.now(timezone.utc))


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (_policies(own="authenticated", other="anon"), '"other" is new; was'),
        (_policies(own="authenticated anon"), '"own" applies now; was'),
        (_policies(own="authenticated", other="anon", third="anon"), '"other" and "third" apply now; was'),
    ],
    ids=["a new one", "a wider role list", "two new ones"],
)
def test_more_policies_than_before_are_told_in_a_sentence_with_the_right_verb(after: Facts, words: str) -> None:
    """One policy that a wider role list lets in "applies"; two "apply"."""
    changes = policy_changes(_policies(own="authenticated"), after, SUPABASE)
    (sentence,) = [change.sentence for change in changes if change.direction == "gained"]
    assert words in sentence
