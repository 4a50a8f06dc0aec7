"""As whom a recorded statement is sent: its role, and if requests act for users, some users who have rows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from pg_deploy.access.facts.api import NO_USERS, Api
from pg_deploy.access.predicates.subjects import claims
from pg_deploy.postgres.quoting import quote
from pg_deploy.postgres.session import LOCK_TIMEOUT_S, Connection, aborted_transaction
from pg_deploy.workload.asking import Answer
from pg_deploy.workload.sender import Sender

MOST = 12
"""Users that are tried, at most."""
_ROWS = 200
_WORD = re.compile(r"[\w\-]+")
_TABLES = """select n.nspname, c.relname, c.reltuples from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relname = any (%s) and c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')"""


def senders_of(connection: Connection, api: Api, role: str, answer: Answer) -> tuple[Sender, ...]:
    """The senders of a statement that the server took, the likeliest to have rows first. Reads only.

    A role that is not the API's has no claims. A user is likely to have rows if its id stands in the tables of the plan, those of
    its policies too. `connection` is a superuser's, in autocommit.
    """
    path = answer.form.path
    if role not in api.roles:
        return (Sender(role, path, "", api),)
    if role != api.signed_in or api.users == NO_USERS:
        return (Sender(role, path, json.dumps({"role": role}), api),)
    with aborted_transaction(connection, timeout_s=5, lock_timeout_s=LOCK_TIMEOUT_S):
        words = Counter(word for text in _rows(connection, answer.relations) for word in set(_WORD.findall(text)))
        query = f"select u.id from ({api.users}) as u (id)"  # noqa: S608 - the API's own query
        named = {each for (each,) in connection.execute(f"{query} where u.id = any (%s)".encode(), [list(words)])}
        others = [each for (each,) in connection.execute(f"{query} limit {MOST}".encode())]
    likely = [word for word, _ in words.most_common() if word in named]
    users = list(dict.fromkeys([*likely[:MOST], *others]))[:MOST]
    return tuple(Sender(role, path, claims(api, user), api) for user in users) or (
        Sender(role, path, json.dumps({"role": role}), api),
    )


def _rows(connection: Connection, tables: Iterable[str]) -> Iterator[str]:
    """Some rows of the tables of these names, as text."""
    for schema, table, count in connection.execute(_TABLES, [sorted(tables)]).fetchall():
        sample = f" tablesample system ({min(100.0, 100 * 5 * _ROWS / count)})" if count > 5 * _ROWS else ""
        # concat() writes a row with the types' own output functions: no cast that somebody made is called.
        query = f"select pg_catalog.concat(t) from {quote(schema, table)} t{sample} limit {_ROWS}"  # noqa: S608 - quoted
        yield from (text for (text,) in connection.execute(query.encode()))
