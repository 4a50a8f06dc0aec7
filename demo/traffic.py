"""What an application sends to the demo target, so that pg_stat_statements holds a workload: a day in a moment.

A Supabase project's API (PostgREST's own shapes of statements, under the roles of its callers, with the claims of real users) and two
services with an ORM each. The same statements in the same order every time. Every transaction is aborted: the server counts a
statement that ran, whatever became of it, and no row changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg import RawCursor
from psycopg.rows import dict_row

from demo.traffic_of_orm import BY_DJANGO, BY_SQLALCHEMY
from demo.traffic_of_postgrest import BY_ANON, BY_MEMBERS, BY_OWNER, BY_SERVICE

Session = psycopg.Connection[tuple[object, ...]]
Sent = tuple[int, str, tuple[str, ...]]
"""How often a statement is sent, its text, and its values, which may name what is known: `<domain>`."""

_NAME = re.compile(r"<([a-z_]+)>")
MEMBERS = 3
"""So many users of the large tenant send what a member sends."""
_KNOWN = """
    select
        d.id::text as domain,
        d.domain as host,
        d.organization_id::text as organization,
        c.id::text as conversation,
        c.session_id as session,
        m.id::text as message,
        p.id::text as page,
        p.url as url,
        j.id::text as job,
        t.id::text as telemetry,
        t.created_at::text as now,
        (t.created_at - interval '7 days')::text as week_ago
    from public.domains d
    join public.conversations c on c.domain_id = d.id
    join public.messages m on m.conversation_id = c.id
    join public.scraped_pages p on p.domain_id = d.id
    join public.scrape_jobs j on j.domain_id = d.id
    cross join (select t.id, t.created_at from public.chat_telemetry t order by t.created_at desc, t.id limit 1) t
    where d.organization_id = md5('organization:1')::uuid
    order by d.id, c.id, m.id, p.id, j.id
    limit 1
"""
_USERS = """
    select user_id::text
    from public.organization_members
    where organization_id = md5('organization:1')::uuid and status = 'active'
    order by role <> 'owner', user_id
    limit %s
"""
_REQUEST = (
    "select set_config('search_path', $1, true), set_config('role', $2, true), set_config('request.jwt.claims', $3, true),"
    " set_config('request.method', $4, true), set_config('request.path', $5, true), set_config('request.headers', $6, true),"
    " set_config('request.cookies', $7, true)"
)


@dataclass(frozen=True)
class Caller:
    """Whose request it is: the role of the API and the user behind it."""

    role: str
    user: str = ""

    @property
    def claims(self) -> str:
        """What the API puts into request.jwt.claims."""
        return json.dumps({"sub": self.user, "role": self.role} if self.user else {"role": self.role})


def send_traffic(connect: Callable[[str, str], Session], database: str) -> int:
    """Send it as supabase_admin, who may become every role; how many calls that were. Changes no row."""
    with connect("supabase_admin", database) as admin:
        # To look for values is nothing that an application does.
        admin.execute("set pg_stat_statements.track = 'none'")
        row = admin.cursor(row_factory=dict_row).execute(_KNOWN).fetchone()
        users = [str(user) for (user,) in admin.execute(_USERS, [MEMBERS])]
        known = {name: str(value) for name, value in (row or {}).items()} | {"user": users[0]}
        admin.execute("reset pg_stat_statements.track")
        admin.execute("set session authorization authenticator")
        calls = sum(
            _request(admin, caller, each, known)
            for caller, sent in (
                (Caller("anon"), BY_ANON),
                *((Caller("authenticated", user), BY_MEMBERS) for user in users),
                (Caller("authenticated", users[0]), BY_OWNER),
                (Caller("service_role"), BY_SERVICE),
            )
            for each in sent
        )
        admin.execute("set session authorization service_role")
        return calls + sum(_plain(admin, each, known) for each in (*BY_SQLALCHEMY, *BY_DJANGO))


def _request(session: Session, caller: Caller, sent: Sent, known: Mapping[str, str]) -> int:
    """Send it as PostgREST does: a transaction for each request, which becomes its caller."""
    times, text, values = sent
    cursor = RawCursor(session)
    settings = ("public, extensions", caller.role, caller.claims, "GET", "/rest/v1", "{}", "{}")
    for _ in range(times):
        with session.transaction(force_rollback=True):
            cursor.execute(_REQUEST, settings)
            cursor.execute(text.encode(), _filled(values, known))
    return times


def _plain(session: Session, sent: Sent, known: Mapping[str, str]) -> int:
    """Send it as a service does that is connected under its own role."""
    times, text, values = sent
    cursor = RawCursor(session)
    for _ in range(times):
        with session.transaction(force_rollback=True):
            cursor.execute(text.encode(), _filled(values, known))
    return times


def _filled(values: tuple[str, ...], known: Mapping[str, str]) -> list[str] | None:
    return [_NAME.sub(lambda match: known[match.group(1)], each) for each in values] or None
