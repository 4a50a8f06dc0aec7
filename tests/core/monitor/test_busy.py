"""A healthy, busy database: eight clients that ask what the guide's application asks, and nothing to tell."""

from __future__ import annotations

import random
import threading

import psycopg
import pytest

from tests.core.monitor.monitoring import Monitor

_ASKED = (
    "select domain, count(*), sum(cost_usd), avg(duration_ms) from public.chat_telemetry"
    " where created_at > now() - interval '7 days' group by domain",
    "select count(*) from public.conversations where domain_id = (select id from public.domains order by id limit 1)",
    "select m.id from public.messages m join public.conversations c on c.id = m.conversation_id order by m.created_at desc limit 20",
    "select url, status from public.scraped_pages order by created_at desc limit 20",
)


def _work(url: str, stop: threading.Event, seed: int) -> None:
    chance = random.Random(seed)
    with psycopg.connect(url, autocommit=True, application_name=f"client {seed}") as connection:
        row = connection.execute(
            "select array_agg(id) from (select id from public.conversations limit 500) c"
        ).fetchone()
        ids = row[0] if row else []
        while not stop.is_set():
            if chance.random() < 0.7:
                connection.execute(chance.choice(_ASKED))
            else:
                with connection.transaction():
                    connection.execute(
                        "update public.conversations set metadata = metadata || %s::jsonb where id = %s",
                        ['{"seen": true}', chance.choice(ids)],
                    )


@pytest.mark.acceptance
def test_eight_busy_clients_raise_nothing_in_thirty_runs(cron_monitor: Monitor) -> None:
    """Else each busy hour wakes somebody, and the alert that counts is one of many."""
    monitor = cron_monitor
    started = list(monitor.run().started)
    stop = threading.Event()
    clients = [threading.Thread(target=_work, args=(monitor.database.url, stop, seed)) for seed in range(8)]
    for client in clients:
        client.start()
    try:
        for _ in range(30):
            outcome = monitor.run()
            started += outcome.started
            assert outcome.problems == ()
        assert all(client.is_alive() for client in clients), "a client failed: the database was not busy"
    finally:
        stop.set()
        for client in clients:
            client.join()

    assert started == []
