"""The server that may be killed, and the bench of scenarios on it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.faults.killing import Bench
from tests.faults.scenarios import copied, make_template
from tests.faults.server import Server, new_server
from tests.looking import Database


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A cluster of these tests' own, gone afterwards; whoever kills it starts it again."""
    with new_server() as made:
        make_template(made)
        yield made


@pytest.fixture(scope="module")
def bench(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Scenarios to be disturbed on that server."""
    return Bench(server, tmp_path_factory.mktemp("faults"))


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """A target with the scenarios' tables."""
    with copied(server, f"target_{secrets.token_hex(4)}") as made:
        yield made
