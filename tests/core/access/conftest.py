"""Two databases made from one template: `old` as it was filled, `new` for the test to change."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from demo import cluster
from pg_deploy.access.proof.proof import Proof, prove
from pg_deploy.postgres.session import Connection

MIGRATION = (
    Path(__file__).resolve().parents[3] / "sql" / "migrations" / "20251118000002_optimize_rls_joins.sql"
).read_text()


def connect(url: str) -> Connection:
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)


@dataclass
class Pair:
    """The two sides: superuser connections, and what the deploying role or the superuser does on the new one."""

    old: Connection
    new: Connection
    url: str
    old_url: str

    def deploy(self, *statements: str) -> Pair:
        with connect(self.url) as deployer:
            for statement in statements:
                deployer.execute(statement.encode())
        return self

    def plant(self, *statements: str) -> Pair:
        for statement in statements:
            self.new.execute(statement.encode())
        return self

    def prove(self, **options: object) -> Proof:
        return prove(self.old, self.new, **{"cross_check_s": 0.0, **options})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def template(demo_cluster: cluster.Cluster) -> Iterator[str]:
    """The old side, shared by the tests of a module: none of them changes it."""
    name = f"access_old_{secrets.token_hex(4)}"
    cluster.clone(demo_cluster, name)
    yield name
    cluster.drop(demo_cluster, name)


@pytest.fixture
def pair(demo_cluster: cluster.Cluster, template: str) -> Iterator[Pair]:
    name = f"access_new_{secrets.token_hex(4)}"
    url = cluster.clone(demo_cluster, name)
    try:
        with connect(demo_cluster.admin_url(template)) as old, connect(demo_cluster.admin_url(name)) as new:
            yield Pair(old, new, url, demo_cluster.url(database=template))
    finally:
        cluster.drop(demo_cluster, name)


def said(proof: Proof) -> str:
    """Everything that a reviewer would read of the differences."""
    return "\n".join([*(f.sentence for f in proof.found), *(o.sentence for o in proof.opened)])
