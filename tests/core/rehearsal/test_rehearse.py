"""The rehearsal of migrations: what it measures, what it says would be lost, where it refuses to take place."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pg_deploy.deployment import job as jobs
from pg_deploy.deployment.job import Job
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import evidence
from pg_deploy.ledger import guard as guards
from pg_deploy.ledger.evidence import Kind
from pg_deploy.migrations.migration import Migration, load_all, scan_folder
from pg_deploy.postgres.session import Target
from pg_deploy.rehearsal import rehearse as rehearsals
from pg_deploy.rehearsal.clone import rehearse_on_clone
from pg_deploy.rehearsal.copy import Copy
from pg_deploy.rehearsal.errors import CopyDiffersError, RehearsalFailedError, UnfitCloneError
from pg_deploy.rehearsal.private_copy import rehearse_on_private_copy
from pg_deploy.rehearsal.rehearse import Rehearsed, Stage, rehearse
from tests.building import write_migration
from tests.core.backup.conftest import Place, server_of
from tests.core.working import working_on

MAKES_A = "create table public.a (id int);alter table public.a enable row level security;\n"


@dataclass(frozen=True)
class CopyWork:
    """One private copy and a job that writes its evidence to the target."""

    job: Job
    copy: Copy

    @property
    def stage(self) -> Stage:
        """The copy in a cluster of its own, where the proofs look at both sides."""
        return Stage(self.copy.target, "private cluster", self.copy.admin, (), twin=self.copy.twin)

    def rehearse(self, migrations: tuple[Migration, ...]) -> tuple[Rehearsed, ...]:
        return rehearse(self.job, replace(self.stage, twin=None), migrations)

    def evidence(self) -> list[tuple[str, str, str]]:
        rows = evidence.of_deployment(self.job.ledger, self.job.deployment_id, Kind.REHEARSAL)
        return [(row.name, row.outcome, row.location) for row in rows]


@contextmanager
def on_a_copy(place: Place, migrations: tuple[Migration, ...]) -> Iterator[CopyWork]:
    with place.copied(*migrations) as copy, working_on(place.target.conninfo, migrations) as work:
        yield CopyWork(work.job, copy)


@pytest.fixture
def write_migrations(tmp_path: Path) -> Callable[..., tuple[Migration, ...]]:
    """Migrations from texts: stem, SQL, rollback."""

    def write(*texts: tuple[str, str, str | None], **how: Any) -> tuple[Migration, ...]:
        for stem, text, rollback in texts:
            write_migration(tmp_path / "written", stem, text, rollback=rollback, **how)
        return load_all(scan_folder(tmp_path / "written").files)

    return write


def test_whatever_ends_a_rehearsal_leaves_none_that_passed(
    place: Place, write_migrations: Callable[..., tuple[Migration, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a fault of ours, or a copy that is gone, would be evidence that lets the migration into production."""
    migrations = write_migrations(("20250101000000_a", MAKES_A, "drop table public.a;"))

    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(rehearsals, "list_changes", broken)
    with on_a_copy(place, migrations) as work:
        with pytest.raises(RuntimeError):
            work.rehearse(migrations)
        assert work.evidence() == [("20250101000000_a", "failed", "rehearsal")]


def _ending(work: CopyWork, then: Callable[..., Any]) -> Callable[..., Any]:
    """`then`, after the copy's server was ended as by a machine without memory."""

    def call(*args: Any, **named: Any) -> Any:
        assert work.copy.cluster is not None
        os.kill(server_of(work.copy.cluster.directory), signal.SIGKILL)
        return then(*args, **named)

    return call


@pytest.mark.parametrize(
    "moment",
    [
        "rehearsals._make_ledger_schemas",
        "rehearsals.apply",
        "rehearsals.CopyBefore.drop",
        pytest.param("rehearsals._CopyWork.before", marks=pytest.mark.acceptance),
        pytest.param("rehearsals.roll_back", marks=pytest.mark.acceptance),
        pytest.param("rehearsals._keep_checks", marks=pytest.mark.acceptance),
        pytest.param("rehearsals._CopyWork.bring_forward", marks=pytest.mark.acceptance),
    ],
)
def test_a_copy_whose_server_is_gone_is_at_fault_whatever_was_asked_of_it_then(
    place: Place, write_migrations: Callable[..., tuple[Migration, ...]], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """It sent people to the Airflow connection of the target, and restored five more copies, which ended in the same way."""
    migrations = write_migrations(("20250101000000_a", MAKES_A, "drop table public.a;"))
    *owner, name = moment.split(".")
    of: Any = {"rehearsals": rehearsals}[owner[0]]
    for part in owner[1:]:
        of = getattr(of, part)
    with on_a_copy(place, migrations) as work:
        monkeypatch.setattr(of, name, _ending(work, getattr(of, name)))
        if name == "drop":
            # All of it passed before.
            rehearse(work.job, work.stage, migrations)
            assert work.evidence() == [("20250101000000_a", "passed", "rehearsal")]
            return
        with pytest.raises(RehearsalFailedError, match="the copy or the connection to it is at fault") as raised:
            rehearse(work.job, work.stage, migrations)
        assert "Airflow" not in str(raised.value)
        started = name != "_make_ledger_schemas"
        assert work.evidence() == [("20250101000000_a", "failed", "rehearsal")] * started


def test_locks_durations_and_losses_are_measured(
    place: Place, write_migrations: Callable[..., tuple[Migration, ...]]
) -> None:
    """Whoever approves must know who would wait, for how long, and what a rollback takes away."""
    migrations = write_migrations(
        (
            "20250101000000_widen_messages",
            "alter table public.messages add column seen boolean default true;\n"
            "create table public.tags as select id from public.domains;alter table public.tags enable row level security;\n"
            "update public.domains set name = name;\n",
            "drop table public.tags;\nalter table public.messages drop column seen;\n",
        ),
        (
            "20250102000000_index_messages",
            "create index concurrently messages_role on public.messages (role);\n",
            "drop index concurrently if exists public.messages_role;\n",
        ),
    )

    with on_a_copy(place, migrations) as work:
        widened, indexed = work.rehearse(migrations)
        assert work.evidence() == [
            ("20250101000000_widen_messages", "passed", "rehearsal"),
            ("20250102000000_index_messages", "passed", "rehearsal"),
        ]

    assert [each.line for each in widened.statements] == [1, 2, 2, 3]
    alter, create, _, update = widened.statements
    assert [(lock.relation, lock.mode.sql) for lock in alter.locks] == [("public.messages", "ACCESS EXCLUSIVE")]
    assert create.locks == ()
    assert [(lock.relation, lock.mode.sql) for lock in update.locks] == [("public.domains", "ROW EXCLUSIVE")]
    # Held to the commit, so through all that follows.
    assert alter.locks[0].held_s >= create.seconds + update.seconds
    assert widened.lost == [
        "table public.tags: 100 rows",
        "column public.messages.seen: 10,000 values",
        "rows changed by line 3 (update public.domains set name = name) stay changed: a rollback restores the schema, only the "
        "backup restores data",
    ]
    ((built, *_),) = [each.locks for each in indexed.statements]
    assert built.relation.endswith("messages")
    assert built.mode.sql == "SHARE UPDATE EXCLUSIVE"
    with place.target.session("tests") as here:
        assert here.execute("select to_regclass('public.tags'), to_regclass('public.messages_role')").fetchone() == (
            None,
            None,
        )
        assert here.execute("select count(*) from deploy_ledger.attempt").fetchone() == (0,)


@pytest.mark.parametrize(
    ("text", "rollback", "step"),
    [
        ("create table public.a (id int);\nselect 1/0;\n", "drop table public.a;\n", "apply"),
        (MAKES_A, "drop table public.b;\n", "rollback"),
        (MAKES_A, "select 1;\n", "rollback"),
        # Works once: what it leaves behind is no catalog fact.
        ("update public.domains set name = 'renamed' where 1 / (select case when exists (select from public.domains where "
         "name = 'renamed') then 0 else 1 end) = 1;\n", "select 1;\n", "apply after the rollback"),
    ],
    ids=["does not apply", "rollback fails", "rollback undoes nothing", "does not apply twice"],
)  # fmt: skip
def test_what_fails_on_the_copy_names_its_step_and_leaves_the_target_alone(
    place: Place, write_migrations: Callable[..., tuple[Migration, ...]], text: str, rollback: str, step: str
) -> None:
    """A rollback that was never tried is a hope, and one that fails is worse at night."""
    migrations = write_migrations(("20250101000000_try_it", text, rollback))

    with on_a_copy(place, migrations) as work:
        with pytest.raises(RehearsalFailedError) as error:
            work.rehearse(migrations)
        assert work.evidence() == [("20250101000000_try_it", "failed", "rehearsal")]

    assert error.value.step == step
    with place.target.session("tests") as here:
        assert here.execute("select to_regclass('public.a')").fetchone() == (None,)
        assert here.execute("select count(*) from public.domains where name = 'renamed'").fetchone() == (0,)


@pytest.mark.acceptance
def test_a_migration_without_rollback_is_rehearsed_as_far_as_it_goes(
    place: Place, write_migrations: Callable[..., tuple[Migration, ...]]
) -> None:
    """What was not proven is said."""
    migrations = write_migrations(
        ("20250101000000_one_way", MAKES_A, None),
        manifest="risk: low\nrollback: none\nrollback_reason: it goes one way\n",
    )

    with on_a_copy(place, migrations) as work:
        (found,) = work.rehearse(migrations)

    assert found.outcome == "passed"
    assert found.rollback_s is None
    assert found.cannot_be_undone == "it goes one way"


def test_what_an_earlier_run_left_unfinished_is_not_rehearsed_and_said_so(
    place: Place, write_migrations: Callable[..., tuple[Migration, ...]]
) -> None:
    """The copy holds half of it: to begin anew there would fail for a reason that production does not have."""
    migrations = write_migrations(
        ("20250101000000_half_done", MAKES_A, "drop table public.a;\n"),
        (
            "20250102000000_builds_on_it",
            "create table public.b (id int);alter table public.b enable row level security;\n",
            "drop table public.b;\n",
        ),
    )
    with on_a_copy(place, migrations) as work:
        first = migrations[0]
        begun = attempts.start(
            work.job.ledger,
            work.job.deployment_id,
            version=first.version,
            stem=first.stem,
            sql_hash=first.file.sql_hash,
        )
        for state in ("snapshotted", "applying"):
            begun = attempts.move(work.job.ledger, begun, attempts.State(state))
        found = work.rehearse(migrations)
        assert [each.outcome for each in found] == ["not rehearsed"] * 2
        assert work.evidence() == [(each.stem, "not rehearsed", "rehearsal") for each in migrations]


@pytest.mark.acceptance
def test_a_clone_is_compared_before_it_is_used(
    place: Place, write_migrations: Callable[..., tuple[Migration, ...]]
) -> None:
    """A branch of last week, or the target under another address, would prove the wrong thing or change production."""
    migrations = write_migrations(("20250101000000_add_a", MAKES_A, "drop table public.a;\n"))
    with on_a_copy(place, migrations) as work:
        with pytest.raises(UnfitCloneError, match="on the target's own server"):
            rehearse_on_clone(work.job, replace(place.target, name="rehearsal_db"), migrations)
        clone = Target("rehearsal_db", work.copy.target.conninfo)
        with work.copy.admin.session("tests") as there:
            there.execute("create role of_the_clone")
        with pytest.raises(CopyDiffersError, match="added role of_the_clone"):
            rehearse_on_clone(work.job, clone, migrations)
        with work.copy.admin.session("tests") as there:
            there.execute("drop role of_the_clone")
        assert "which is changed now" in rehearse_on_clone(work.job, clone, migrations)
        assert work.evidence() == [("20250101000000_add_a", "passed", "rehearsal")]


@pytest.mark.acceptance
def test_of_a_private_copy_the_catalog_is_read_again_only_after_something_was_run(
    place: Place, write_migrations: Callable[..., tuple[Migration, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what a migration costs grows with what is there; and a proof that does not look again proves nothing."""
    migrations = write_migrations(
        ("20250101000000_a", "alter table public.messages add column seen boolean;", None),
        ("20250102000000_b", "create index messages_role on public.messages (role);", None),
        ("20250103000000_c", "alter table public.messages add column read boolean;", "select 1;"),
    )
    calls = Counter[str]()

    def count_calls(module: Any, name: str) -> None:
        original = getattr(module, name)

        def count(*arguments: Any, **named: Any) -> Any:
            calls[name] += 1
            return original(*arguments, **named)

        monkeypatch.setattr(module, name, count)

    with on_a_copy(place, migrations) as work:
        count_calls(guards, "read_facts")
        count_calls(jobs, "run_lints")
        first, second = rehearse(work.job, work.stage, migrations[:2])
        # Before the first; then after the change, and after the change again: what its rollback leads to is read before its commit.
        # Outside of a transaction there is a commit before it can be read.
        assert "concurrently" in str(second.generated)
        assert calls == {"read_facts": 1 + 2 + 3, "run_lints": 1 + 2}
        assert first.generated
        with pytest.raises(RehearsalFailedError, match=r"column public\.messages\.read"):
            rehearse(work.job, work.stage, migrations[2:])


@pytest.mark.acceptance
def test_of_a_long_set_an_undo_is_proven_in_a_transaction_that_is_not_kept(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next file builds on what is left; to apply each a second time would cost as much as all that was learned."""
    monkeypatch.setattr(rehearsals, "SHOWN_SINGLY", 1)
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "20250101000000_a.sql").write_text("alter table public.messages add column seen boolean;")
    (folder / "20250102000000_b.sql").write_text("create view public.seen as select seen from public.messages;")
    (folder / "20250103000000_c.sql").write_text("alter table public.messages drop column seen cascade;")
    migrations = load_all(scan_folder(folder).files)
    with on_a_copy(place, migrations) as work:
        first, second, third = rehearse(work.job, work.stage, migrations)
    assert [each.only_tried for each in (first, second, third)] == [True, True, False]
    assert "drop column seen" in str(first.generated)
    assert "drop view" in str(second.generated)
    assert "was dropped with its values" in str(third.cannot_be_undone)


def test_a_backup_other_than_the_recorded_one_is_not_rehearsed_on(
    place: Place, write_migrations: Callable[..., tuple[Migration, ...]]
) -> None:
    """The ledger knows which manifest this run wrote: another one under its name is another backup."""
    migrations = write_migrations(("20250101000000_add_a", MAKES_A, "drop table public.a;\n"))
    name = place.take().manifest.name
    with (
        working_on(place.target.conninfo, migrations) as work,
        pytest.raises(Exception, match="is not the one that the ledger recorded"),
    ):
        rehearse_on_private_copy(work.job, place.store, name, migrations, place.settings, manifest_sha256="0" * 64)
