"""A connection that is lost says nothing about what its last statement did: the next try looks at the database."""

from __future__ import annotations

import pytest

from tests.faults.deployer import DEPLOYED
from tests.faults.killing import Bench, Case
from tests.faults.proxy import Proxy


@pytest.mark.parametrize("delivered", [True, False])
@pytest.mark.parametrize("name", ["data", pytest.param("mixed", marks=pytest.mark.faults)])
def test_a_network_cut_at_the_commit_is_found_out_and_gone_on_from(bench: Bench, name: str, delivered: bool) -> None:
    """Else an update whose commit was not answered would happen twice, or one that never arrived would count as done."""

    def disturb(case: Case) -> None:
        proxy = Proxy(case.server.port, delivered=delivered)
        url = case.database.url.replace(f":{case.server.port}/", f":{proxy.port}/")
        try:
            run = case.start(url=url)
            assert run.wait() == DEPLOYED, case.story()
        finally:
            proxy.close()
        assert proxy.times_cut == 1

    log = bench.run(f"cut_{name}_{int(delivered)}", name, disturb).runs[0].log

    assert "the connection was lost at" in log
    first_update = [line for line in log.splitlines() if "INFO   line 1: update" in line]
    assert len(first_update) == (1 if delivered else 2)


def test_a_server_that_is_restarted_in_the_middle_of_a_transaction_is_waited_for(bench: Bench) -> None:
    """Else maintenance of the server would fail, and undo, a migration that nothing is wrong with."""

    def disturb(case: Case) -> None:
        run = case.start()
        assert run.until_logged("INFO   line 2: select pg_sleep")
        case.server.stop("fast")
        case.server.start()
        assert run.wait() == DEPLOYED, case.story()

    log = bench.run("restarted", "data", disturb).runs[0].log

    assert "the connection was lost at" in log
    assert "task rollback" not in log
