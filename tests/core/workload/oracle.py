"""What the database itself says of a statement with values: it runs, in a transaction that is always aborted.

Nothing here uses the engine: what it finds is what the engine's proof must find.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql

from tests.core.workload.sent_statements import Sent

Types = tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a statement: SQLSTATE ("" if it ran), message, the context of an error, and the columns that came back."""

    sqlstate: str = ""
    message: str = ""
    context: str = ""
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a migration did to a statement, or to a job: what it was before, what it is now.

    `certain` says that it fails whichever types a driver gives to its parameters: those that the server took them for before, or none.
    """

    before: Outcome
    after: Outcome
    certain: bool = True

    @property
    def fails(self) -> bool:
        """Whether it ran before and does not now."""
        return not self.before.sqlstate and bool(self.after.sqlstate)

    @property
    def reshaped(self) -> bool:
        """Whether other columns come back."""
        return not self.before.sqlstate and not self.after.sqlstate and self.before.columns != self.after.columns


def run_each(conninfo: str, sent: Iterable[Sent], types: Mapping[Sent, Types] | None = None) -> dict[Sent, Outcome]:
    """Run each statement in a new session of its role, and abort. With `types`, the parameters are declared with them."""
    found: dict[Sent, Outcome] = {}
    by_role: dict[str, list[Sent]] = {}
    for each in sent:
        by_role.setdefault(each.role, []).append(each)
    for role, statements in by_role.items():
        with psycopg.connect(conninfo, user=role, prepare_threshold=None) as session:
            for each in statements:
                found[each] = _run(session, each, (types or {}).get(each, ()))
                session.rollback()
    return found


def _run(session: psycopg.Connection, each: Sent, types: Types) -> Outcome:
    declared = f"({', '.join(types)})" if types else ""
    values = sql.SQL(", ").join(map(sql.Literal, each.values))
    called = sql.SQL("execute asked({})").format(values) if each.values else sql.SQL("execute asked")
    try:
        # All in one message: a planted break is tried with every statement, and each waits for its answer.
        done = session.execute(
            sql.SQL("deallocate all; {} {}; {}").format(
                _plain(f"prepare asked{declared} as"), _plain(each.text), called
            )
        )
        while done.nextset():
            pass
        columns = tuple((column.name, column.type_display) for column in done.description or ())
        return Outcome(columns=columns)
    except psycopg.Error as error:
        return Outcome(error.sqlstate or "?", error.diag.message_primary or str(error), error.diag.context or "")


def _plain(text: str) -> sql.SQL:
    return sql.SQL(text)


def types_of(conninfo: str, sent: Iterable[Sent]) -> dict[Sent, Types]:
    """The types that the server takes the parameters of each statement for."""
    found: dict[Sent, Types] = {}
    for each in sent:
        with psycopg.connect(conninfo, user=each.role, autocommit=True) as session:
            session.execute(_plain(f"prepare asked as {each.text}"))
            row = session.execute(
                "select parameter_types::pg_catalog.text[] from pg_catalog.pg_prepared_statements"
            ).fetchone()
            found[each] = tuple(row[0]) if row else ()
    return found


def run_jobs(conninfo: str) -> dict[str, Outcome]:
    """Run the command of every active cron job as its user, and abort; by the job's name."""
    with psycopg.connect(conninfo) as admin:
        jobs = admin.execute("select jobname, username, command from cron.job where active order by jobid").fetchall()
    found = {}
    for name, user, command in jobs:
        found[name] = run_each(conninfo, [Sent(user, command)])[Sent(user, command)]
    return found


class Oracle:
    """Knows how everything ran before any migration, and tells what is different after one."""

    def __init__(self, conninfo: str, sent: tuple[Sent, ...]) -> None:
        self.sent = sent
        self.before = run_each(conninfo, sent)
        self.jobs_before = run_jobs(conninfo)
        self._types = types_of(conninfo, sent)

    def statements_after(self, conninfo: str) -> dict[Sent, Verdict]:
        """What became of each statement, in a database where a migration was applied."""
        plain = run_each(conninfo, self.sent)
        # Types that are gone with the migration cannot be declared: then the plain answer is all there is.
        typed = run_each(conninfo, self.sent, self._types)
        verdicts = {}
        for each, before in self.before.items():
            fails, fails_typed = bool(plain[each].sqlstate), bool(typed[each].sqlstate)
            after = plain[each] if fails or not fails_typed else typed[each]
            verdicts[each] = Verdict(before, after, certain=fails == fails_typed)
        return verdicts

    def jobs_after(self, conninfo: str) -> dict[str, Verdict]:
        """What became of each job's command."""
        after = run_jobs(conninfo)
        return {name: Verdict(before, after[name]) for name, before in self.jobs_before.items() if name in after}
