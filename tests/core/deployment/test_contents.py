"""What an undo would leave otherwise in the tables and sequences of a copy, with numbers; see pg_deploy.deployment.contents."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pg_deploy.deployment import contents
from pg_deploy.deployment.contents import Contents, read_contents
from pg_deploy.parsing.rollback_text import statements_of
from pg_deploy.parsing.statements import Statement
from pg_deploy.postgres.session import Connection

CHANGES_ROWS = "update public.notes set body = 'x';"
LOSSES: dict[str, tuple[str, ...]] = {
    "update public.notes set body = body": (),
    "create table public.more as select * from public.notes": (),
    "update public.notes set body = 'x' where id = 1": ("column body of public.notes: 1 value would be others",),
    "update public.notes set body = id": ("column body of public.notes: 3 values would be others",),
    "update public.notes set id = id + 10": ("column id of public.notes: 3 values would be others",),
    "delete from public.notes where id < 3": ("rows of public.notes: 2 of 3 would be missing",),
    "drop table public.notes": ("rows of public.notes: 3 of 3 would be missing",),
    "insert into public.notes values (4)": ("rows of public.notes: 1 more than before",),
    "alter table public.notes drop at": ("column at of public.notes: 3 values would be others",),
    "alter table public.notes rename body to text": ("column body of public.notes: 3 values would be others",),
    "alter table public.notes alter id type bigint": (),
    "select setval('public.numbers', 6)": ("sequence public.numbers: it would stand at 6, and stood at 7",),
    "select setval('public.numbers', 7, false)": ("sequence public.numbers: it would stand at 6, and stood at 7",),
    "select nextval('public.numbers')": (),
}
"""What is reported as lost, by the statement that runs after the first reading."""


@pytest.fixture
def connection(empty_database: str) -> Iterator[Connection]:
    """A session on a database with one table of three rows and a sequence that stands at 7."""
    with psycopg.connect(empty_database, autocommit=True) as found:
        found.execute("create table public.notes (id int primary key, body text, at date default '2024-01-01')")
        found.execute("insert into public.notes values (1, 'one'), (2, 'two'), (3, null)")
        found.execute("create sequence public.numbers")
        found.execute("select setval('public.numbers', 7)")
        yield found


def read(connection: Connection, *texts: str) -> Contents:
    """The contents as they are now."""
    with connection.transaction():
        return read_contents(connection, *(texts or (CHANGES_ROWS,)))


def lost(connection: Connection, before: Contents, *statements: str) -> tuple[str, ...]:
    """The losses that are reported after these statements, which are not committed."""
    with connection.transaction(force_rollback=True):
        for statement in statements:
            connection.execute(statement.encode())
        missing, _ = before.compare(connection)
        return missing


def test_each_loss_is_named_with_its_numbers(connection: Connection) -> None:
    """Else "the database is as before" is said of values that are gone, or of others where all is there."""
    before = read(connection)
    found = {}
    for statement in LOSSES:
        found[statement] = lost(connection, before, statement)
        # A sequence's position is not taken back by a rollback of the transaction.
        connection.execute("select setval('public.numbers', 7)")

    assert found == LOSSES


def test_a_text_that_leaves_rows_alone_reads_none(connection: Connection) -> None:
    """Else each rehearsal of an index reads all tables, and a text that touches them would be taken for one of those."""
    assert not read(connection, "create index on public.notes (body);").is_read
    assert not read(connection, "").is_read
    assert read(connection, "create index on public.notes (body);", "do $$ begin end $$;").is_read
    assert not read(connection, "drop type public.t;").is_read
    assert read(connection, "drop type public.t cascade;").is_read


def test_the_texts_are_split_once(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a long file is parsed again while the rollback holds its locks."""
    split_texts: list[str] = []
    split = statements_of

    def recorded(text: str | None, file: str) -> tuple[Statement, ...]:
        split_texts.append(str(text))
        return split(text, file)

    monkeypatch.setattr(contents, "statements_of", recorded)
    before = read(connection)
    assert lost(connection, before, CHANGES_ROWS) == ("column body of public.notes: 3 values would be others",)
    assert split_texts == [CHANGES_ROWS]


def test_a_large_table_is_compared_if_a_text_names_it_and_else_reported_as_not_compared(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a rehearsal reads terabytes, or a large table that was written to is called as before."""
    monkeypatch.setattr(contents, "_EXACT", -1)
    named, unnamed = read(connection), read(connection, "do $$ begin end $$;")

    assert set(named.buckets) == {("public", "notes")}
    assert not named.rows
    assert lost(connection, named) == lost(connection, unnamed) == ()
    change = "update public.notes set body = 'x' where id < 3"
    assert lost(connection, named, change) == ("column body of public.notes: at least 2 values would be others",)
    assert lost(connection, named, "update public.notes set body = body") == ()
    assert lost(connection, unnamed, change) == (
        "values of public.notes: it was written to, is large and named nowhere, so they were not compared",
    )
    again = ("alter table public.notes drop body", "alter table public.notes add body text")
    assert lost(connection, named, *again) == ("column body of public.notes: at least 2 values would be others",)
    assert lost(connection, unnamed, *again) == (
        "values of public.notes: it was written to, is large and named nowhere, so they were not compared",
    )
    assert lost(connection, unnamed, "truncate public.notes") == ("rows of public.notes: 3 of 3 would be missing",)


def test_what_the_role_may_not_read_is_left_out(connection: Connection) -> None:
    """Else a rehearsal fails at a table of the provider's."""
    connection.execute("create table public.seen (id int); insert into public.seen values (1)")
    connection.execute("grant select on public.seen to anon; revoke all on public.notes, public.numbers from anon")
    with connection.transaction(force_rollback=True):
        connection.execute("set local role anon")
        found = read_contents(connection, CHANGES_ROWS)
    public = {name: count for (schema, name), count in found.rows.items() if schema == "public"}
    assert (public, dict(found.positions)) == ({"seen": 1}, {})


def test_a_sequence_that_moved_forward_is_named_and_is_no_loss(connection: Connection) -> None:
    """Nobody may turn it back, as others may have drawn from it; but "as before" is not true of it."""
    connection.execute("create sequence public.down increment by -1 maxvalue 100 start with 50")
    connection.execute("select nextval('public.down')")
    before = read(connection)
    connection.execute("alter sequence public.numbers restart with 30")
    connection.execute("alter sequence public.down restart with 40")
    assert before.compare(connection) == (
        (),
        (
            "sequence public.down: it would stand at 41, and stood at 50",
            "sequence public.numbers: it would stand at 29, and stood at 7",
        ),
    )
    connection.execute("alter sequence public.down restart with 60")
    missing, _ = before.compare(connection)
    assert missing == ("sequence public.down: it would stand at 61, and stood at 50",)


def test_what_a_check_draws_from_a_sequence_is_not_the_migrations_doing(connection: Connection) -> None:
    """Else each migration whose inserts are tried in the rehearsal would be said to move a sequence."""
    before = read(connection)
    with connection.transaction():
        applied = before.once_applied(connection)
    connection.execute("select nextval('public.numbers')")
    assert applied.compare(connection) == ((), ())
    assert before.compare(connection)[1] == ("sequence public.numbers: it would stand at 8, and stood at 7",)
