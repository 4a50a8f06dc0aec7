"""The four migrations change nobody's access, and open what their access.yaml declares."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from demo import cluster
from pg_deploy.access.decide import decide
from pg_deploy.access.facts.differences import access_changes
from pg_deploy.catalog.reader import read_facts
from pg_deploy.deployment.lints import FAILING, run_lints
from pg_deploy.migrations.access_file import read_access_file
from pg_deploy.parsing.statements import split_check
from tests.core.access.conftest import Pair, connect

FOLDER = Path(__file__).resolve().parents[3] / "sql" / "migrations"
STEMS = sorted(path.stem for path in FOLDER.glob("*.sql"))


def statements(stem: str) -> list[str]:
    text = (FOLDER / f"{stem}.sql").read_text()
    return [part.sql for part in split_check(text, file=stem)]


@pytest.mark.parametrize("stem", STEMS)
def test_a_migration_is_what_it_declares(pair: Pair, stem: str) -> None:
    """The product's own examples must pass the product's own proof, or nobody will write an access.yaml."""
    lints_before = run_lints(pair.old)
    pair.deploy(*statements(stem))
    proof = pair.prove()
    decision = decide("unchanged", read_access_file(FOLDER / stem), proof)
    assert decision.against == ()
    assert proof.verdict in ("equal", "the same")
    known = {finding.key for finding in lints_before}
    new = [finding for finding in run_lints(pair.new) if finding.key not in known]
    assert [finding.sentence for finding in new if finding.level in FAILING] == []


def test_each_is_what_it_declares_after_those_before_it(demo_cluster: cluster.Cluster) -> None:
    """Else a set passes one by one and fails together: a function of the first reads what the second's policies guard."""
    names = [f"access_{side}_{secrets.token_hex(4)}" for side in ("before", "after")]
    urls = [cluster.clone(demo_cluster, name) for name in names]
    try:
        with connect(demo_cluster.admin_url(names[0])) as old, connect(demo_cluster.admin_url(names[1])) as new:
            before, after = Pair(old, old, urls[0], urls[0]), Pair(old, new, urls[1], urls[0])
            for stem in STEMS:
                after.deploy(*statements(stem))
                proof = after.prove()
                assert decide("unchanged", read_access_file(FOLDER / stem), proof).against == ()
                before.deploy(*statements(stem))
    finally:
        for name in names:
            cluster.drop(demo_cluster, name)


def test_after_all_four_the_advisor_finds_no_more_than_before(pair: Pair) -> None:
    """Supabase's advisor is the first thing that people look at after a deployment: nothing new may be red or amber there."""
    before = [finding for finding in run_lints(pair.old) if finding.level in FAILING]
    for stem in STEMS:
        pair.deploy(*statements(stem))
    after = [finding for finding in run_lints(pair.new) if finding.level in FAILING]
    assert {finding.key for finding in after} <= {finding.key for finding in before}
    assert len(after) <= len(before)


def test_what_decides_no_access_is_no_change_of_it(pair: Pair) -> None:
    """Else every index would have to be explained; a right that is taken away still is one."""
    before = read_facts(pair.old)
    pair.deploy("create index on public.messages (role)", "alter table public.messages add column note text")
    after = read_facts(pair.new)
    assert access_changes(before, after) == ()
    pair.deploy("revoke select on public.messages from authenticated")
    assert access_changes(before, read_facts(pair.new)) != ()


def test_a_new_table_opens_what_its_policies_let_through(pair: Pair) -> None:
    """Supabase grants everything on every new table to anon: behind row level security that opens nothing by itself."""
    before = read_facts(pair.old)
    pair.deploy(
        "create table public.prices (id integer primary key, amount numeric)",
        "alter table public.prices enable row level security",
        "create policy shown on public.prices for select to authenticated using (true)",
        "create table public.open_to_all (id integer primary key)",
    )
    opened = {
        (change.role, change.object): set(change.commands)
        for change in access_changes(before, read_facts(pair.new))
        if change.object_is_new
    }
    assert ("anon", "public.prices") not in opened
    assert opened["authenticated", "public.prices"] == {"select"}
    assert {"select", "insert", "update", "delete"} <= opened["service_role", "public.prices"]
    assert {"select", "insert", "update", "delete"} <= opened["anon", "public.open_to_all"]


def test_what_public_is_granted_counts_behind_policies_of_others(pair: Pair) -> None:
    """A grant to public and a policy to authenticated open the table together, and neither does alone."""
    before = read_facts(pair.old)
    pair.deploy(
        "create table public.prices (id integer primary key, amount numeric)",
        "revoke all on public.prices from anon, authenticated; grant select on public.prices to public",
        "alter table public.prices enable row level security",
        "create policy shown on public.prices for select to authenticated using (true)",
    )
    opened = [
        change for change in access_changes(before, read_facts(pair.new)) if change.object_is_new and change.decides
    ]
    assert [(change.role, change.commands) for change in opened] == [("public", ("select",))]
