"""The server that may be killed, and the bench of scenarios on it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.killing import Bench
from tests.faults.scenarios import make_template
from tests.faults.server import Server, new_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A cluster of this module's own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pg-deploy-faults-") as name:
        made = new_server(Path(name))
        try:
            make_template(made)
            yield made
        finally:
            made.stop("immediate")


@pytest.fixture(scope="module")
def bench(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Scenarios to be disturbed on that server."""
    return Bench(server, tmp_path_factory.mktemp("faults"))
