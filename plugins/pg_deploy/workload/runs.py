"""One run of a recorded statement on one side, in a transaction that is always aborted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pg_deploy.postgres.explained import Explained, read_explained
from pg_deploy.postgres.quoting import literal, quote
from pg_deploy.postgres.session import Connection
from pg_deploy.workload.asking import Form
from pg_deploy.workload.parameter_types import prepare_form
from pg_deploy.workload.values import Drawn

_SEQUENCES = """select c.oid::pg_catalog.int8, n.nspname, c.relname, pg_catalog.pg_sequence_last_value(c.oid)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and c.relpersistence <> 't'"""


class SideSession:
    """A superuser's session, in autocommit, on one side of a copy. Statements get the plan that their values give."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._prepared: set[str] = set()
        connection.execute("set plan_cache_mode = force_custom_plan")

    def run(self, name: str, form: Form, drawn: Drawn, *, writes: bool, timeout_s: float) -> Explained:
        """Run the statement with these values. What does not end in time is raised, as every error is."""
        return self._explained(
            b"explain (analyze, buffers, timing off, format json)",
            name,
            form,
            drawn,
            writes=writes,
            timeout_s=timeout_s,
        )

    def plan(self, name: str, form: Form, drawn: Drawn, *, timeout_s: float) -> Explained:
        """Its plan for these values, without running it."""
        return self._explained(b"explain (format json)", name, form, drawn, writes=False, timeout_s=timeout_s)

    def forget(self, name: str) -> None:
        """Drop the prepared statement."""
        if name in self._prepared and not self.connection.broken:
            self._prepared.remove(name)
            self.connection.execute(f"deallocate {name}".encode())

    def _explained(
        self, explain: bytes, name: str, form: Form, drawn: Drawn, *, writes: bool, timeout_s: float
    ) -> Explained:
        values = ", ".join("null" if value is None else literal(value) for value in drawn.values)
        execute = f"execute {name}({values})" if drawn.values else f"execute {name}"
        with drawn.sender.sending(self.connection, timeout_s=timeout_s, writes=writes):
            if name not in self._prepared:
                prepare_form(self.connection, name.encode(), form)
                self._prepared.add(name)
            row = self.connection.execute(b"%s %s" % (explain, execute.encode())).fetchone()
            if writes:
                # The transaction is aborted: what would be asked at its end is asked now.
                self.connection.execute("set constraints all immediate")
            return read_explained(row[0] if row else None)


@contextmanager
def kept_sequences(connection: Connection) -> Iterator[None]:
    """Put every sequence back at the end: what an aborted transaction took from one stays taken."""
    before = _positions(connection)
    try:
        yield
    finally:
        if not (connection.closed or connection.broken):
            for oid, position in _positions(connection).items():
                if oid in before and before[oid] != position:
                    connection.execute(
                        "select pg_catalog.setval(%s::pg_catalog.oid::pg_catalog.regclass, %s, %s)", [oid, *before[oid]]
                    )


def _positions(connection: Connection) -> dict[int, tuple[int, bool]]:
    """Each sequence's last value, and whether it was given out."""
    found: dict[int, tuple[int, bool]] = {}
    for oid, schema, name, last in connection.execute(_SEQUENCES).fetchall():
        if last is not None:
            found[oid] = (last, True)
        else:
            row = connection.execute(f"select last_value, is_called from {quote(schema, name)}".encode()).fetchone()  # noqa: S608 - quoted
            if row:
                found[oid] = (row[0], row[1])
    return found
