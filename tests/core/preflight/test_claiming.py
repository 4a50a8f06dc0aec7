"""Who holds the target: one deployment at a time, until it is ended, expired, or its run is over."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import psycopg
import pytest

from pg_deploy.ledger import deployment, evidence, schema
from pg_deploy.ledger.deployment import LOCK_KEY, Claim, Deployment
from pg_deploy.ledger.errors import DeploymentLostError, RunOverError, TargetBusyError
from pg_deploy.ledger.evidence import Kind
from pg_deploy.ledger.kinds.report import DeploymentReport
from pg_deploy.migrations import history
from pg_deploy.preflight.claiming import claim_target, never_over

REPORT = DeploymentReport(deployment.State.DEPLOYED, (), ())
LOG = logging.getLogger("tests")
Connection = psycopg.Connection[tuple[object, ...]]


def claim(
    connection: Connection, run: str, *, good_for: float = 600, over: bool = False, origin: str = ""
) -> Deployment:
    """Claim for that run without waiting."""
    return claim_target(
        connection,
        Claim("deploy_migrations", run, "tester", {}, "", (), origin),
        good_for=good_for,
        give_up_after=0,
        log=LOG,
        is_over=(lambda _: True) if over else never_over,
    )


@pytest.fixture
def connection(empty_database: str) -> Iterator[Connection]:
    """An autocommit connection to a database with a ledger."""
    with psycopg.connect(empty_database, autocommit=True) as session:
        schema.ensure(session)
        history.ensure(session)
        yield session


def test_a_second_run_is_told_who_holds_the_target(connection: Connection) -> None:
    """Else two deployments would work on one database."""
    claim(connection, "first")
    with pytest.raises(TargetBusyError, match=r'run "first" .* in phase "preflight"'):
        claim(connection, "second")


def test_an_expired_holder_is_abandoned_and_may_do_nothing_more(connection: Connection) -> None:
    """Else a killed run would block the target for ever, or come back and disturb the next one."""
    old = claim(connection, "first", good_for=0)
    new = claim(connection, "second")
    assert new.fence > old.fence
    ended = deployment.by_id(connection, old.id)
    assert ended is not None
    assert ended.state == "abandoned"
    with pytest.raises(DeploymentLostError, match="abandoned"):
        deployment.renew(connection, old.id, old.fence, "apply", good_for=600)
    with pytest.raises(DeploymentLostError), connection.transaction():
        deployment.hold_fence(connection, old.id, old.fence)
    assert not deployment.close(connection, old.id, old.fence, deployment.State.DEPLOYED)


def test_a_holder_whose_run_is_over_does_not_hold_the_target_until_its_time_is_up(connection: Connection) -> None:
    """Else a run that a person ended while it waited for an approval would block the target for a day."""
    old = claim(connection, "first", good_for=86400)
    assert claim(connection, "second", over=True).id != old.id


def test_nobody_takes_the_target_from_a_session_that_still_works(connection: Connection, empty_database: str) -> None:
    """Else a task whose heartbeat failed would share the database with the next run."""
    claim(connection, "first", good_for=0)
    with psycopg.connect(empty_database, autocommit=True) as working:
        working.execute(f"select pg_advisory_lock({LOCK_KEY})")
        with pytest.raises(TargetBusyError):
            claim(connection, "second", over=True)
        # Unlocked by hand, because the server notices the end of a session a little later.
        working.execute(f"select pg_advisory_unlock({LOCK_KEY})")
        claim(connection, "second")


def test_a_retry_of_the_same_run_takes_its_deployment_again_under_a_higher_fence(connection: Connection) -> None:
    """Else a retried preflight would wait for itself, or the try before it could go on beside it."""
    first = claim(connection, "first")
    again = claim(connection, "first")
    assert (again.id, again.fence > first.fence) == (first.id, True)
    with pytest.raises(DeploymentLostError, match="newer fence"):
        deployment.renew(connection, first.id, first.fence, "apply", good_for=600)


def test_two_runs_of_one_name_from_two_airflows_are_two_runs(connection: Connection) -> None:
    """Else the second Airflow would take the target from the first in the middle of its work."""
    first = claim(connection, "manual__1", origin="one/2026")
    again = claim(connection, "manual__1", origin="one/2026")
    assert (again.id, again.fence > first.fence) == (first.id, True)
    with pytest.raises(TargetBusyError):
        claim(connection, "manual__1", origin="other/2026")


def test_a_run_that_has_reported_begins_nothing_anew(connection: Connection) -> None:
    """Else its preflight, cleared alone, would open a deployment that no task of it closes."""
    held = claim(connection, "first")
    deployment.close(connection, held.id, held.fence, deployment.State.FAILED)
    # Its preflight failed and is tried again.
    held = claim(connection, "first")
    evidence.record(connection, held.id, Kind.REPORT, REPORT)
    deployment.close(connection, held.id, held.fence, deployment.State.DEPLOYED)
    with pytest.raises(RunOverError, match="has ended its deployment"):
        claim(connection, "first")


def test_of_two_runs_that_wait_for_an_answer_each_may_take_the_target_back(connection: Connection) -> None:
    """Else the approval of the older one is lost, because the newer one, which waits too, never ends meanwhile."""
    first = claim(connection, "first")
    deployment.lend(connection, first.id, first.fence, "waiting")
    second = claim(connection, "second")
    deployment.lend(connection, second.id, second.fence, "waiting")

    _take_back(connection, first)
    with pytest.raises(TargetBusyError, match='run "first"'):
        _take_back(connection, second)
    assert deployment.close(connection, first.id, first.fence, deployment.State.DEPLOYED)
    _take_back(connection, second)
    assert deployment.close(connection, second.id, second.fence, deployment.State.DEPLOYED)


def _take_back(connection: Connection, held: Deployment) -> None:
    deployment.take_back(connection, held.id, held.fence, "answered", good_for=600, is_over=never_over)
