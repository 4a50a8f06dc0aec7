"""People at work on the demo database while something else goes on: rows inserted, updated, moved and deleted, members changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

# Each changes who may reach what, as an application would; one statement a transaction.
_WORK = (
    "insert into public.conversations (id, domain_id, session_id) select gen_random_uuid(), domain_id, 'load'"
    " from public.conversations where domain_id is not null order by random() limit 3",
    "update public.conversations set domain_id = (select id from public.domains order by random() limit 1)"
    " where id in (select id from public.conversations order by random() limit 20)",
    "update public.organization_members set status = case status when 'active' then 'suspended' else 'active' end"
    " where ctid in (select ctid from public.organization_members order by random() limit 5)",
    "delete from public.messages where id in (select id from public.messages order by random() limit 20)",
    "update public.domains set organization_id = (select id from public.organizations order by random() limit 1)"
    " where id in (select id from public.domains order by random() limit 2)",
    "delete from public.scraped_pages where id in (select id from public.scraped_pages order by random() limit 10)",
    "delete from public.organization_members where ctid = (select ctid from public.organization_members order by random() limit 1)",
)


@dataclass
class Load:
    """Counts what was written; `error` ends the load, and the test."""

    done: int = 0
    error: psycopg.Error | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def writes(self) -> int:
        """How many transactions have committed so far. Raises what ended the load."""
        if self.error is not None:
            raise self.error
        return self.done


@contextmanager
def writing(url: str) -> Iterator[Load]:
    """Write on one connection until the block ends, some twenty transactions a second."""
    load = Load()

    def work() -> None:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                while not load.stop.wait(0.05):
                    connection.execute(_WORK[load.done % len(_WORK)].encode())
                    load.done += 1
        except psycopg.Error as error:
            load.error = error

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield load
    finally:
        load.stop.set()
        thread.join()
