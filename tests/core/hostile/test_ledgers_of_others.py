"""A schema that only looks like a ledger runs nothing with the rights of a session of ours."""

from __future__ import annotations

import pytest

from pg_deploy.ledger import schema
from pg_deploy.postgres.ledger_name import other_ledgers
from pg_deploy.postgres.session import Target
from tests.looking import Database

PLANTED = {
    "nothing": "",
    "a view": "drop table ours.attempt cascade; create view ours.attempt as select public.told() as version, 'verified' as state, 1 as id",
    "a trigger": "create trigger told before update on ours.deployment for each row execute function public.told_of_a_row()",
    "a rule": "create rule told as on update to ours.deployment do also select public.told()",
    "a policy": "create policy told on ours.attempt using (public.told() is not null)",
    "a constraint": "alter table ours.deployment add check (public.told() is not null) not valid",
    "a default": "alter table ours.deployment add told text default public.told()",
    "a generated column": "alter table ours.deployment add told text generated always as (public.told()) stored",
    "an index": "create index on ours.deployment (public.told())",
    "a partial index": "create index on ours.deployment (id) where public.told() is not null",
    "an operator": "alter table ours.deployment add check (phase operator(public.===) phase) not valid",
    "a domain": "create domain public.asked as text check (public.told() is not null);"
    " alter table ours.deployment add told public.asked",
    "a child": "create table ours.child () inherits (ours.attempt)",
    "a partitioned table": "create table ours.more (a int) partition by list (a)",
}
TOLD = """
create function public.told() returns text language sql immutable as $$ select 'told' $$;
create function public.told_of_a_row() returns trigger language plpgsql as $$ begin return new; end $$;
create function public.alike(text, text) returns boolean language sql immutable as $$ select true $$;
create operator public.=== (function = public.alike, leftarg = text, rightarg = text);
"""


@pytest.mark.parametrize("planted", PLANTED)
def test_a_schema_in_which_code_could_run_is_no_ledger(empty_database: str, planted: str) -> None:
    """Else whoever may make a schema has the deploying role, which reads the ledgers of others, run what they like."""
    database = Database(empty_database)
    with Target("target_db", empty_database, ledger="ours").session("tests") as connection:
        schema.ensure(connection)
    database.run(TOLD)
    if PLANTED[planted]:
        database.run(PLANTED[planted])

    with Target("target_db", empty_database).session("tests") as connection:
        assert other_ledgers(connection) == (() if PLANTED[planted] else ("ours",))
