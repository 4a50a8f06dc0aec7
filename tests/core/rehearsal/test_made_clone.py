"""A clone for one rehearsal: asked for once, waited for, and never left over in silence - on a fake of Neon, and by a command."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from pg_deploy.deployment.job import Job
from pg_deploy.errors import PgDeployError
from pg_deploy.ledger.evidence import Kind, of_kind
from pg_deploy.ledger.kinds.clone import CloneState, clones_of
from pg_deploy.migrations.migration import Migration, load_all, scan_folder
from pg_deploy.postgres.session import Target
from pg_deploy.rehearsal.clone import rehearse_on_clone
from pg_deploy.rehearsal.clones.command import Command
from pg_deploy.rehearsal.clones.errors import CloneLateError, NoCloneMadeError
from pg_deploy.rehearsal.clones.made_clone import made_clone
from pg_deploy.rehearsal.clones.neon import Neon
from pg_deploy.rehearsal.clones.service import Patience
from pg_deploy.rehearsal.errors import RehearsalFailedError
from tests.building import write_migration
from tests.core.working import Working, working_on
from tests.servers.neon import KEY, PROJECT, FakeNeon, fake_neon
from tests.servers.server import Server, bootstrap, cloned, fill, running

pytestmark = pytest.mark.server

CHECKOUT = Path(__file__).resolve().parents[3]
IMPATIENT = Patience(ready_s=30, look_s=0.05, lost_s=0.4, remove_s=3)


@dataclass(frozen=True)
class Place:
    """A server of its own, smaller than the demo, and the deploying role's target on it."""

    server: Server

    @property
    def target(self) -> Target:
        return Target("target_db", self.server.url())


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """The same for all tests here: none changes more of it than the ledger."""
    with running("18-wheel") as server:
        bootstrap(server)
        fill(server)
        yield Place(server)


@pytest.fixture
def work(place: Place) -> Iterator[Working]:
    """A deployment that holds the target, with nothing pinned."""
    with working_on(place.target.conninfo, ()) as found:
        yield found


@pytest.fixture
def fake(place: Place) -> Iterator[FakeNeon]:
    """An API whose branches are no servers: each leads to the target itself, where nothing is done."""

    @contextmanager
    def serve() -> Iterator[str]:
        yield place.target.conninfo

    with fake_neon(serve) as api:
        yield api


def neon(fake: FakeNeon, key: str = KEY) -> Neon:
    return Neon(fake.address, key, PROJECT, "demo", "postgres", timeout_s=20)


def _land(fake: FakeNeon, made: int) -> None:
    """Let a lost request be done, and wait until so many were."""
    assert fake.landing is not None
    fake.landing.set()
    deadline = time.monotonic() + 30
    while len(fake.branches) < made and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(fake.branches) == made


def states(job: Job) -> list[str]:
    return [row.outcome for row in of_kind(job.ledger, Kind.CLONE) if row.deployment_id == job.deployment_id]


def kept(job: Job) -> str:
    """All that the ledger has of clones, as text."""
    return str(
        job.ledger.execute("select array_agg(e::text) from deploy_ledger.evidence e where kind = 'clone'").fetchone()
    )


@pytest.mark.acceptance
def test_a_clone_is_made_waited_for_and_removed(work: Working, fake: FakeNeon) -> None:
    """Else each run leaves a database with production's rows, which somebody pays for."""
    fake.late_s, fake.busy, fake.without_endpoint = 0.3, 1, True
    with made_clone(work.job, neon(fake), IMPATIENT) as clone:
        assert len(fake.branches) == 1
        assert clone.name.startswith("clone pg-deploy-")
    assert fake.branches == {}
    assert states(work.job) == ["asked for", "made", "removed"]
    assert '"expires_at": "20' in next(body for body in fake.bodies if "branch" in body).replace('":"', '": "')
    assert KEY not in work.text + kept(work.job) + "".join(fake.requests)
    assert str(conninfo_to_dict(work.job.target.conninfo)["password"]) not in work.text + kept(work.job)


@pytest.mark.parametrize("how", ["lost_creates", "unmade_creates"])
def test_if_the_answer_is_lost_one_clone_is_made_and_removed(work: Working, fake: FakeNeon, how: str) -> None:
    """Whoever asks again without a look makes two, and removes one."""
    setattr(fake, how, 1)
    with made_clone(work.job, neon(fake), IMPATIENT):
        assert len(fake.branches) == 1
    assert (fake.made, fake.branches) == (1, {})
    assert states(work.job) == ["asked for", "made", "removed"]
    assert "looking for it by its name" in work.text


def test_a_lost_request_that_lands_after_a_second_one_is_removed_too(work: Working, fake: FakeNeon) -> None:
    """Two may exist for a moment; none may stay."""
    fake.lost_creates, fake.landing = 1, threading.Event()
    with made_clone(work.job, neon(fake), IMPATIENT):
        _land(fake, 2)
    assert (fake.made, fake.branches) == (2, {})
    assert states(work.job)[-1] == CloneState.REMOVED


def test_a_request_that_nobody_answered_is_kept_as_left_over_and_looked_for_by_the_next_run(
    work: Working, fake: FakeNeon
) -> None:
    """A branch that appears when everybody has gone home is found by the ledger, or by nobody."""
    fake.lost_creates, fake.landing = 1, threading.Event()
    with (
        pytest.raises(CloneLateError, match=r"was not ready after .*the target was not touched"),
        made_clone(work.job, neon(fake), replace(IMPATIENT, ready_s=0.3, lost_s=1)),
    ):
        pass
    assert fake.branches == {}
    assert "may be LEFT OVER" in work.text
    assert states(work.job) == ["asked for", "left over"]
    _land(fake, 1)
    with made_clone(work.job, neon(fake), IMPATIENT):
        assert len(fake.branches) == 1
    assert fake.branches == {}
    assert [each.outcome for each in clones_of(work.job.ledger, work.job.deployment_id)] == ["removed", "removed"]


def test_a_clone_that_is_late_is_given_up_and_removed(work: Working, fake: FakeNeon) -> None:
    """A run must not hang for ever, nor leave what it gave up."""
    fake.late_s = 60
    with (
        pytest.raises(CloneLateError, match=r'the clone "pg-deploy-.*" of Neon .* set PG_DEPLOY_CLONE_WAIT higher'),
        made_clone(work.job, neon(fake), replace(IMPATIENT, ready_s=0.5)),
    ):
        pass
    assert fake.branches == {}
    assert states(work.job) == ["asked for", "made", "removed"]


def test_a_delete_that_is_refused_is_tried_again(work: Working, fake: FakeNeon) -> None:
    """A provider that is busy for a moment must not cost a clone for ever."""
    fake.refused_deletes = 2
    with made_clone(work.job, neon(fake), IMPATIENT):
        pass
    assert fake.branches == {}
    assert states(work.job)[-1] == CloneState.REMOVED
    assert "HTTP 409, the branch is protected, key ***" in work.text


def test_what_cannot_be_removed_is_said_and_never_called_removed(work: Working, fake: FakeNeon) -> None:
    """Production's rows in a forgotten branch: somebody must read which, and how to remove it, and the next run must know."""
    fake.refused_deletes = 10_000
    with made_clone(work.job, neon(fake), IMPATIENT):
        pass
    assert list(fake.branches) == ["br-1"]
    (left,) = clones_of(work.job.ledger, work.job.deployment_id)
    assert (left.outcome, left.id) == ("left over", "br-1")
    assert f"`neon branches delete br-1 --project-id {PROJECT}`" in left.said
    assert "(br-1) may be LEFT OVER" in work.text
    assert "is removed" not in work.text
    # After the deployment the same is said, when it is not true any more.
    assert "the target was not touched" not in work.text + left.said
    assert KEY not in work.text + kept(work.job)

    fake.refused_deletes = 0
    with made_clone(work.job, neon(fake), IMPATIENT):
        assert list(fake.branches) == ["br-2"]
    assert fake.branches == {}
    assert [each.outcome for each in clones_of(work.job.ledger, work.job.deployment_id)] == ["removed", "removed"]


def test_the_first_error_is_not_hidden_by_a_clone_that_stays(work: Working, fake: FakeNeon) -> None:
    """What a person has to mend is the migration."""
    fake.refused_deletes = 10_000
    with pytest.raises(ZeroDivisionError), made_clone(work.job, neon(fake), IMPATIENT):
        raise ZeroDivisionError
    assert states(work.job)[-1] == CloneState.LEFT


def test_a_service_that_says_no_is_quoted_at_once_and_without_the_key(work: Working, fake: FakeNeon) -> None:
    """A wrong key is not worth half an hour of waiting."""
    started = time.monotonic()
    fake.refused_key = True
    with (
        pytest.raises(
            NoCloneMadeError,
            match=r"refused to make a branch: HTTP 401, no such key \*\*\*; nothing was rehearsed and the target",
        ),
        made_clone(work.job, neon(fake), IMPATIENT),
    ):
        pass
    assert time.monotonic() - started < 20
    assert states(work.job) == ["asked for", "removed"]


KILLED = """
import os, signal, sys
from pg_deploy.configuration.limits import Limits
from pg_deploy.deployment.job import Job
from pg_deploy.ledger.guard import Ownership, working
from pg_deploy.postgres.session import Target
from pg_deploy.rehearsal.clones.made_clone import made_clone
from tests.core.rehearsal.test_made_clone import IMPATIENT, Neon, PROJECT, KEY
import logging
url, deployment, fence, address = sys.argv[1:]
log = logging.getLogger("killed")
with working(Target("target_db", url), Ownership(int(deployment), int(fence)), "t", give_up_after=5, log=log) as guard:
    job = Job(Target("target_db", url), guard, Limits(), log)
    with made_clone(job, Neon(address, KEY, PROJECT, "demo", "postgres"), IMPATIENT):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_try_removes_what_a_killed_one_left(place: Place, fake: FakeNeon) -> None:
    """Nothing in a killed process runs: only the ledger knows the clone."""
    from pg_deploy.configuration.limits import Limits
    from pg_deploy.ledger import deployment, schema
    from pg_deploy.ledger.deployment import Claim
    from pg_deploy.ledger.guard import Ownership, working
    from pg_deploy.preflight.claiming import never_over

    with place.target.session("test") as connection:
        schema.ensure(connection)
        claim = Claim("deploy_migrations", "killed", "tester", {}, "", ())
        held = deployment.claim(connection, claim, good_for=600, is_over=never_over)
    words = (place.target.conninfo, str(held.id), str(held.fence), fake.address)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *words], cwd=CHECKOUT, check=False, capture_output=True, text=True
    )
    assert done.returncode == -9, done.stderr
    assert list(fake.branches) == ["br-1"]
    log = logging.getLogger("tests")
    with working(place.target, Ownership(held.id, held.fence), "test", give_up_after=20, log=log) as guard:
        job = Job(place.target, guard, Limits(), log)
        with made_clone(job, neon(fake), IMPATIENT):
            assert list(fake.branches) == ["br-2"]
        assert fake.branches == {}
        assert [(each.id, each.outcome) for each in clones_of(job.ledger, held.id)] == [
            ("br-1", "removed"),
            ("br-2", "removed"),
        ]
    with place.target.session("test") as connection:
        deployment.close(connection, held.id, held.fence, deployment.State.FAILED)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], tuple[Migration, ...]]:
    """One migration of this text."""

    def migration(text: str) -> tuple[Migration, ...]:
        write_migration(tmp_path / "written", "20250101000000_add_a", text, rollback="drop table public.a;\n")
        return load_all(scan_folder(tmp_path / "written").files)

    return migration


@pytest.mark.parametrize(
    "text", ["create table public.a (id int);alter table public.a enable row level security;\n", "select 1/0;\n"]
)
def test_a_migration_is_rehearsed_on_a_clone_that_has_the_ledger_with_its_own_deployment_in_it(
    place: Place, write: Callable[[str], tuple[Migration, ...]], text: str
) -> None:
    """A branch holds all that the target holds: also the claim of the run that asked for it, which must not stand in its way."""
    migrations = write(text)

    @contextmanager
    def serve() -> Iterator[str]:
        with cloned(place.server.bindir, place.server.admin_url()) as port:
            yield place.target.conninfo.replace(f":{place.server.port}/", f":{port}/")

    with fake_neon(serve) as fake, working_on(place.target.conninfo, migrations) as work:
        service = replace(neon(fake), timeout_s=60)

        def rehearse() -> str:
            with made_clone(work.job, service, Patience(look_s=0.2)) as clone:
                return rehearse_on_clone(work.job, clone, migrations, is_ours=True)

        if "1/0" in text:
            with pytest.raises(RehearsalFailedError, match="division by zero"):
                rehearse()
        else:
            assert rehearse().startswith("rehearsed 1 on clone pg-deploy-")
        assert fake.branches == {}
        assert states(work.job) == ["asked for", "made", "removed"]


PROGRAM = """#!{python}
import json, os, pathlib, sys
place = pathlib.Path({folder!r})
verb, word = sys.argv[-2:]
print("asked to", verb, "with", os.environ["PG_DEPLOY_CLONE_TOKEN"], file=sys.stderr)
assert not any(name.startswith("AIRFLOW_") for name in os.environ)
if verb == "create":
    (place / word).touch()
    if (place / "fails").exists():
        sys.exit(3)
    print(json.dumps({{"id": "id-of-" + word}}))
elif verb == "find":
    print(json.dumps({{"ids": ["id-of-" + path.name for path in place.glob(word)]}}))
elif verb == "reach":
    print(json.dumps({{"conninfo": {conninfo!r}}}))
elif verb == "remove":
    (place / word.removeprefix("id-of-")).unlink(missing_ok=True)
"""


def test_a_command_makes_and_removes_a_clone_and_a_failure_of_create_is_looked_into(
    work: Working, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RDS, Supabase and DBLab have programs of their own; one that fails half way has made a clone all the same."""
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "no business of theirs")
    at = conninfo_to_dict(place.target.conninfo)
    folder = tmp_path / "clones"
    folder.mkdir()
    program = tmp_path / "clones.py"
    text = PROGRAM.format(python=sys.executable, folder=str(folder), conninfo=f"host={at['host']} port={at['port']}")
    program.write_text(text)
    program.chmod(0o755)
    service = Command((str(program), "--of=shop"), place.target, work.job.log, {"PG_DEPLOY_CLONE_TOKEN": "hush-hush-1"})
    for fails in (False, True):
        if fails:
            (folder / "fails").touch()
        with made_clone(work.job, service, IMPATIENT) as clone:
            assert len(list(folder.glob("pg-deploy-*"))) == 1
            assert conninfo_to_dict(clone.conninfo)["password"] == at["password"]
        assert list(folder.glob("pg-deploy-*")) == []
    assert "create: asked to create with ***" in work.text
    assert "hush-hush-1" not in work.text + kept(work.job)
    assert json.loads(json.dumps(states(work.job)))[-1] == "removed"


def test_a_command_that_hangs_is_ended_with_all_that_it_started(work: Working, place: Place, tmp_path: Path) -> None:
    """A program that waits for an answer on a terminal must not hold the target."""
    program = tmp_path / "hangs"
    program.write_text("#!/bin/sh\nsleep 300 & wait\n")
    program.chmod(0o755)
    service = Command((str(program),), Target("target_db", place.target.conninfo), work.job.log, timeout_s=0.3)
    started = time.monotonic()
    with pytest.raises(PgDeployError, match=r"it took longer than 0\.3 s"):
        service.create("x")
    assert time.monotonic() - started < 5
