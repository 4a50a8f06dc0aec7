"""Migration 3 changes for nobody which rows they read and write."""

from __future__ import annotations

import psycopg
import pytest

from tests.migrations.conftest import Copy
from tests.migrations.runner import POLICIES, Connection, apply, roll_back

TABLES = ("conversations", "messages", "scrape_jobs", "scraped_pages", "website_content", "structured_extractions")

# Caller: role and claims.
Caller = tuple[str, str]


def callers(connection: Connection) -> list[Caller]:
    """Every user, and everybody who is none."""
    users = connection.execute("select id::text from auth.users order by id").fetchall()
    known = [("authenticated", f'{{"sub": "{user}", "role": "authenticated"}}') for (user,) in users]
    someone = str(users[0][0])
    return [
        *known,
        ("authenticated", '{"sub": "00000000-0000-0000-0000-00000000ffff", "role": "authenticated"}'),
        ("authenticated", '{"role": "authenticated"}'),
        ("authenticated", ""),
        ("anon", '{"role": "anon"}'),
        ("anon", ""),
        ("anon", f'{{"sub": "{someone}", "role": "authenticated"}}'),
        ("service_role", '{"role": "service_role"}'),
    ]


def become(connection: Connection, caller: Caller) -> None:
    """Act as the caller until the transaction ends."""
    role, claims = caller
    connection.execute(
        "select set_config('request.jwt.claim.sub', '', true), set_config('request.jwt.claims', %s, true)", (claims,)
    )
    connection.execute("select set_config('role', %s, true)", (role,))


def rows_read(connection: Connection) -> dict[Caller, list[object]]:
    """The rows that every caller reads of each table, as a count and a digest of the ids; an error is an outcome."""
    found: dict[Caller, list[object]] = {}
    for caller in callers(connection):
        outcomes: list[object] = []
        for table in TABLES:
            with connection.transaction(force_rollback=True):
                become(connection, caller)
                try:
                    with connection.transaction():
                        outcomes += connection.execute(
                            f"select count(*), sum(hashtextextended(id::text, 0)::numeric) from public.{table}"
                        ).fetchall()
                except psycopg.Error as error:
                    outcomes.append(error.sqlstate)
        found[caller] = outcomes
    return found


WRITES = (
    "insert into public.conversations (domain_id, session_id) values (%(domain)s, 'test')",
    "update public.conversations set session_id = session_id where domain_id = %(domain)s",
    "update public.conversations set domain_id = %(other)s where domain_id = %(domain)s",
    "update public.conversations set domain_id = null where domain_id = %(domain)s",
    "update public.conversations set session_id = 'test'",
    "delete from public.conversations where domain_id = %(domain)s",
    "delete from public.conversations",
    "insert into public.messages (conversation_id, role, content)"
    " select id, 'user', 'test' from public.conversations where domain_id = %(domain)s",
    "insert into public.messages (conversation_id, role, content) values (%(conversation)s, 'user', 'test')",
    "update public.messages set content = 'test'",
    "update public.messages set content = 'test' where conversation_id = %(conversation)s",
    "update public.messages set conversation_id = %(conversation)s",
    "delete from public.messages where conversation_id = %(conversation)s",
    "delete from public.messages",
    "insert into public.scrape_jobs (domain_id) values (%(domain)s)",
    "update public.scrape_jobs set domain_id = %(other)s where domain_id = %(domain)s",
    "update public.scraped_pages set title = 'test'",
    "delete from public.scraped_pages where domain_id = %(domain)s",
    "insert into public.website_content (domain_id, url, content_type, content, content_hash)"
    " values (%(domain)s, 'test', 'page', 'test', 'test')",
    "delete from public.website_content",
    "insert into public.structured_extractions (domain_id, url, extract_type, extracted_data)"
    " values (%(domain)s, 't', 't', '{}')",
    "update public.structured_extractions set url = 'test' where domain_id = %(domain)s",
)


def rows_written(connection: Connection) -> dict[tuple[Caller, str, str], object]:
    """How many rows each statement changes: some callers, in a large tenant, a small one and a suspended member's."""
    places = connection.execute(
        """
        with sized as (
            select c.domain_id, count(*) as size
            from public.conversations c
            where c.domain_id is not null
            group by c.domain_id
        )
        (select domain_id from sized order by size desc limit 1)
        union all (select domain_id from sized order by size, domain_id limit 1)
        union all (
            select d.id from public.domains d join public.organization_members m using (organization_id)
            where m.status = 'suspended' order by d.id limit 1
        )
        """
    ).fetchall()
    everybody = callers(connection)
    members = connection.execute(
        """
        (select user_id::text from public.organization_members m join public.domains d using (organization_id)
        where d.id = any (%s) order by m.status desc, user_id limit 8)
        """,
        ([place for (place,) in places],),
    ).fetchall()
    ids = {str(member) for (member,) in members}
    chosen = (
        [caller for caller in everybody if any(member in caller[1] for member in ids)] + everybody[-7:] + everybody[:1]
    )
    found: dict[tuple[Caller, str, str], object] = {}
    for caller in dict.fromkeys(chosen):
        for (domain,), (other,) in zip(places, places[1:] + places[:1], strict=True):
            conversation = connection.execute(
                "select id from public.conversations where domain_id = %s order by id limit 1", (domain,)
            ).fetchone()
            values = {"domain": domain, "other": other, "conversation": conversation and conversation[0]}
            for statement in WRITES:
                with connection.transaction(force_rollback=True):
                    become(connection, caller)
                    try:
                        with connection.transaction():
                            outcome: object = connection.execute(statement, values).rowcount
                    except psycopg.Error as error:
                        outcome = error.sqlstate
                found[caller, str(domain), statement] = outcome
    return found


@pytest.mark.acceptance
def test_every_user_reads_the_same_rows_before_and_after(copy: Copy) -> None:
    """A count for one user, as the guide has it, proves nothing about the others or about which rows they are."""
    before = rows_read(copy.connection)
    apply(copy.connection, POLICIES)
    after = rows_read(copy.connection)
    assert len(before) >= 200
    assert len({str(rows) for rows in before.values()}) > 20, "the callers must differ, or this proves nothing"
    assert {caller: (rows, after[caller]) for caller, rows in before.items() if rows != after[caller]} == {}
    roll_back(copy.connection, POLICIES)
    assert rows_read(copy.connection) == before


@pytest.mark.acceptance
def test_users_write_the_same_rows_before_and_after(copy: Copy) -> None:
    """A DELETE without a condition, or a row moved to another tenant, is seen by no comparison of what is read."""
    before = rows_written(copy.connection)
    apply(copy.connection, POLICIES)
    after = rows_written(copy.connection)
    assert any(
        isinstance(outcome, int) and outcome > 0
        for (caller, _, _), outcome in before.items()
        if caller[0] == "authenticated"
    )
    assert {key: (outcome, after[key]) for key, outcome in before.items() if outcome != after[key]} == {}


@pytest.mark.parametrize("table", TABLES)
def test_anon_gets_no_row_and_no_error(copy: Copy, table: str) -> None:
    """A policy that calls a helper which anon may not execute would turn an empty page into a failing one."""
    apply(copy.connection, POLICIES)
    with copy.connection.transaction():
        become(copy.connection, ("anon", '{"role": "anon"}'))
        assert copy.connection.execute(f"select count(*) from public.{table}").fetchone() == (0,)
