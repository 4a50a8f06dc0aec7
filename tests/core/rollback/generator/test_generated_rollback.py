"""Generated rollbacks on a real server: each fixture migration is undone to equal facts and an equal dump, or refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from demo import cluster as demo
from demo.cluster import Cluster
from pg_deploy.catalog.diff import compare, describe
from pg_deploy.catalog.reader import Facts, read_facts
from pg_deploy.parsing.statements import segments, split
from pg_deploy.postgres.session import Connection
from pg_deploy.rollback.generator.generate import generate_rollback
from tests.core.rollback.generator.cases import REFUSED, UNDONE
from tests.looking import schema_dump

BASE = (Path(__file__).parent / "base.sql").read_text(encoding="utf-8")


def run(connection: Connection, text: str) -> None:
    """As the engine does: a transaction for what may run in one, each other statement alone."""
    for segment in segments(split(text, file="test")):
        if segment.transactional:
            with connection.transaction():
                for statement in segment.statements:
                    connection.execute(statement.sql.encode())
        else:
            connection.execute(segment.statements[0].sql.encode())


def dump(bindir: Path, url: str) -> list[str]:
    """The schema in pg_dump's words, without the order of rights."""
    lines = schema_dump(bindir, url).splitlines()
    rights = [line for line in lines if re.match(r"(GRANT|REVOKE|ALTER DEFAULT PRIVILEGES) ", line)]
    return [line for line in lines if line not in rights] + sorted(rights)


class Place:
    """One database for all cases, made anew after a case that failed."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.open()

    def open(self) -> None:
        demo.drop(self.cluster, "rollback_cases")
        self.url = demo.empty(self.cluster, "rollback_cases")
        self.connection = psycopg.connect(self.url, autocommit=True)
        self.connection.execute(BASE.encode())
        self.facts: Facts = read_facts(self.connection, objects="all")
        self.dump = dump(self.cluster.bindir, self.url)


@pytest.fixture(scope="module")
def shared(demo_cluster: Cluster) -> Iterator[Place]:
    place = Place(demo_cluster)
    yield place
    place.connection.close()
    demo.drop(demo_cluster, "rollback_cases")


@pytest.fixture
def place(shared: Place) -> Iterator[Place]:
    """The database in its first state."""
    # What an earlier case dropped and made again is another object by now.
    shared.facts = read_facts(shared.connection, objects="all")
    yield shared
    if shared.connection.info.transaction_status or compare(shared.facts, read_facts(shared.connection)):
        shared.connection.close()
        shared.open()


@pytest.mark.parametrize("name", UNDONE)
def test_a_generated_rollback_leads_back_to_equal_facts_and_an_equal_dump(place: Place, name: str) -> None:
    """Or an engineer who trusts it is left with a database that is neither before nor after."""
    run(place.connection, UNDONE[name])
    after = read_facts(place.connection, objects="all")
    assert compare(place.facts, after), "the fixture changes nothing"
    generated = generate_rollback(place.facts, after, migration_sql=UNDONE[name])
    assert not generated.refusals, generated.refusals
    try:
        run(place.connection, generated.sql)
    except psycopg.Error as error:
        pytest.fail(f"{error}\n{generated.sql}", pytrace=False)
    left = describe(compare(place.facts, read_facts(place.connection)))
    assert not left, "\n".join((*left, generated.sql))
    assert dump(place.cluster.bindir, place.url) == place.dump, generated.sql


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_brought_back_is_refused_with_its_reason(place: Place, name: str) -> None:
    """Or a rollback is believed to bring back rows that nobody has any more."""
    migration, wanted = REFUSED[name]
    run(place.connection, migration)
    generated = generate_rollback(place.facts, read_facts(place.connection, objects="all"), migration_sql=migration)
    # Rows that changed are in no fact: the database is made anew whatever the comparison says.
    place.connection.close()
    place.open()
    said = "\n".join(map(str, generated.refusals))
    for words in wanted:
        assert words in said, said
