"""What the ledger must hold before a migration is begun."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pg_deploy.approval.errors import NotPermittedError
from pg_deploy.approval.lend_target import keep_prepared
from pg_deploy.approval.permission import Demands, refuse_unless_permitted, refuse_unless_tried
from pg_deploy.ledger import attempt as attempts
from pg_deploy.ledger import evidence
from pg_deploy.ledger.evidence import Kind, Location
from pg_deploy.ledger.kinds.approval import Lending, Lent
from pg_deploy.migrations.errors import TouchesLedgerError
from pg_deploy.migrations.migration import load, read_folder
from pg_deploy.preflight.migration_standings import Standing, read_state
from pg_deploy.rollback.resume import resume
from pg_deploy.rollback.roll_back import roll_back
from tests.building import write_migration
from tests.core.working import Working, working_on
from tests.looking import Database

STEM = "20250101000000_change"
ALL = Demands(backup="none", rehearse=False, approval="all", four_eyes=False, actor="ann")
REHEARSED = replace(ALL, rehearse=True, approval="none")


@pytest.fixture
def work(empty_database: str, tmp_path: Path) -> Iterator[Working]:
    """A deployment that holds the target and pinned one migration."""
    write_migration(tmp_path / "m", STEM, "create table public.new (id int);", rollback="drop table public.new;")
    with working_on(empty_database, tmp_path / "m") as found:
        yield found


@dataclass(frozen=True)
class Piece:
    """Evidence as another version may have kept it."""

    outcome: str
    detail: dict[str, object]
    name: str = STEM

    def to_detail(self) -> dict[str, object]:
        return self.detail


def _record(work: Working, kind: str, outcome: str, /, **detail: object) -> None:
    evidence.record(
        work.job.ledger,
        work.job.deployment_id,
        Kind(kind),
        Piece(outcome, detail),
        version=STEM[:14],
        location=Location.COPY if kind == Kind.REHEARSAL else Location.TARGET,
    )


def _refused(work: Working, demands: Demands) -> str:
    with pytest.raises(NotPermittedError) as refused:
        refuse_unless_permitted(work.job.ledger, work.job.deployment_id, work.migrations[0], demands)
    return str(refused.value)


def _permitted(work: Working, demands: Demands) -> None:
    refuse_unless_permitted(work.job.ledger, work.job.deployment_id, work.migrations[0], demands)


def test_an_approval_counts_for_its_bundle_alone_and_only_the_last_answer(work: Working) -> None:
    """Else a yes to another text, or one that was taken back, would let this one through."""
    bundle = work.migrations[0].bundle_hash
    assert "nobody has given it" in _refused(work, ALL)
    _record(work, "approval", "approved", by="bob", bundle_hash="of another text")
    assert "given for another text" in _refused(work, ALL)
    _record(work, "approval", "approved", by="bob", bundle_hash=bundle)
    _permitted(work, ALL)
    _record(work, "approval", "rejected", by="bob", bundle_hash=bundle)
    assert "the answer was: rejected" in _refused(work, ALL)


def test_the_actor_and_the_floor_of_now_decide_about_four_eyes(work: Working) -> None:
    """Else a floor that was raised while a person thought would not hold."""
    _record(work, "approval", "approved", by="Ann", by_id="7", bundle_hash=work.migrations[0].bundle_hash)

    _permitted(work, ALL)
    assert "somebody else than ann" in _refused(work, replace(ALL, four_eyes=True))
    assert "somebody else than unknown" in _refused(work, replace(ALL, four_eyes=True, actor="unknown"))


def test_a_rehearsal_counts_only_if_it_ended_well_on_this_text(work: Working) -> None:
    """Else a rehearsal that was marked success while it failed would let the failure into production."""
    assert "none has ended" in _refused(work, REHEARSED)
    _record(work, "rehearsal", "failed", error="at rollback: it does not lead back")
    assert "its rehearsal failed at rollback" in _refused(work, REHEARSED)
    _record(work, "rehearsal", "passed", bundle_hash="of another text")
    assert "another text than this was rehearsed" in _refused(work, REHEARSED)
    _record(work, "rehearsal", "passed", bundle_hash=work.migrations[0].bundle_hash)
    _permitted(work, REHEARSED)


@pytest.mark.parametrize(("wanted", "outcome"), [("full", "taken"), ("schema", "taken"), ("external", "external")])
def test_a_backup_counts_only_if_it_is_of_the_kind_that_is_demanded(work: Working, wanted: str, outcome: str) -> None:
    """Else a task `backup` that was marked success would let a run change the database with no way back for its rows."""
    demands = replace(ALL, backup=wanted, approval="none")
    assert f"(backup is {wanted}), and this run has none of that kind" in _refused(work, demands)
    _record(work, "backup", "taken", kind="schema" if wanted == "full" else "full")
    assert "this run has none of that kind" in _refused(work, demands)
    with pytest.raises(NotPermittedError, match="its backup is demanded"):
        refuse_unless_tried(work.job.ledger, work.job.deployment_id, STEM[:14], demands)
    _record(work, "backup", outcome, kind=wanted)
    _permitted(work, demands)


def test_what_was_left_out_of_the_rehearsal_goes_on_only_if_it_is_half_applied_itself(work: Working) -> None:
    """Else one unfinished migration would let every one behind it into production, and none of them was tried on a copy."""
    left = "an earlier run left it unfinished, so the copy holds part of it"
    _record(
        work, "rehearsal", "not rehearsed", bundle_hash=work.migrations[0].bundle_hash, not_rehearsed=["no job", left]
    )
    assert f"it was not rehearsed, as {left}: a new run rehearses it once nothing is left unfinished" in _refused(
        work, REHEARSED
    )
    with pytest.raises(NotPermittedError, match="a new run rehearses it"):
        refuse_unless_tried(work.job.ledger, work.job.deployment_id, STEM[:14], REHEARSED)
    _permitted(work, replace(REHEARSED, rehearse=False))
    begun = resume(work.job, work.migrations[0])
    assert "a new run rehearses it" in _refused(work, REHEARSED)
    attempts.move(work.job.ledger, begun, attempts.State.APPLYING)
    _permitted(work, REHEARSED)
    roll_back(work.job, STEM[:14])
    assert "a new run rehearses it" in _refused(work, REHEARSED)


def test_a_rehearsal_that_saw_nothing_lowers_no_risk(empty_database: str, tmp_path: Path) -> None:
    """Else what a block does to rows would be asked about only if nobody had to leave the migration out of the rehearsal."""
    deletes = "do $$ begin execute 'delete from public.orders'; end $$;"
    write_migration(tmp_path / "m", STEM, deletes, rollback="select 1;", manifest="risk: low\n")
    with working_on(empty_database, tmp_path / "m") as work:
        _record(work, "rehearsal", "not rehearsed", bundle_hash=work.migrations[0].bundle_hash, not_rehearsed=["so"])
        assert "nobody has given it" in _refused(work, replace(ALL, approval="risky"))
        _record(work, "rehearsal", "passed", bundle_hash=work.migrations[0].bundle_hash)
        _permitted(work, replace(ALL, approval="risky"))


def test_a_database_that_changed_while_somebody_was_asked_needs_all_of_it_anew(work: Working) -> None:
    """Else a rehearsal and a backup of another database would carry the change, if making them anew was cut off."""
    _record(work, "rehearsal", "passed", bundle_hash=work.migrations[0].bundle_hash)
    evidence.record(work.job.ledger, work.job.deployment_id, Kind.LENT, Lent("asked", ()))
    _permitted(work, REHEARSED)
    evidence.record(work.job.ledger, work.job.deployment_id, Kind.LENT, Lent("asked", (), outcome=Lending.CHANGED))
    assert "were not made anew: clear the task that asked" in _refused(work, REHEARSED)
    assert "were not made anew" in _refused(work, replace(ALL, approval="none"))
    keep_prepared(work.job.ledger, work.job.deployment_id)
    _permitted(work, REHEARSED)


def test_what_this_run_pinned_before_it_must_be_in_place(empty_database: str, tmp_path: Path) -> None:
    """Else a migration would be built on one that was only marked as passed."""
    write_migration(tmp_path / "m", STEM, "create table public.new (id int);")
    write_migration(tmp_path / "m", "20250102000000_next", "create table public.next (id int);")
    nothing = replace(ALL, approval="none")
    with working_on(empty_database, tmp_path / "m") as work:
        refuse_unless_permitted(work.job.ledger, work.job.deployment_id, work.migrations[0], nothing)
        with pytest.raises(NotPermittedError, match=f'"{STEM}", which this run pinned before it, is not deployed'):
            refuse_unless_permitted(work.job.ledger, work.job.deployment_id, work.migrations[1], nothing)


@pytest.mark.parametrize(
    "sql",
    [
        "insert into deploy_ledger.attempt (version) values ('1');",
        'insert into "deploy_ledger".attempt (version) values (1);',
        "do $$ begin execute 'delete from supabase_migrations.schema_migrations'; end $$;",
        "set search_path = deploy_ledger; update attempt set state = 'verified';",
        "create function public.f() returns void language sql as $$ delete from Deploy_Ledger.evidence $$;",
        'select * from U&"d\\0065ploy_ledger".attempt;',
    ],
)
def test_sql_that_names_what_says_what_is_deployed_is_refused_without_a_reason(tmp_path: Path, sql: str) -> None:
    """Else a migration could declare its successor deployed, and the run would be green without it."""
    write_migration(tmp_path / "m", STEM, sql)
    (file,) = read_folder(tmp_path / "m")
    with pytest.raises(Exception, match="names the schema") as refused:
        load(file)
    assert any(isinstance(fault, TouchesLedgerError) for fault in getattr(refused.value, "faults", ()))

    write_migration(tmp_path / "m", STEM, sql, manifest="risk: high\ntouches_ledger: a version was renamed by hand\n")
    assert load(file).manifest.touches_ledger == "a version was renamed by hand"


@pytest.mark.parametrize(
    "sql",
    ["-- see deploy_ledger.attempt\ncreate table public.a (id int);", "create table public.deploy_ledger_copy (id int);",
     "create function public.f() returns int language sql as $$ select 1 -- as in deploy_ledger\n $$;"],
)  # fmt: skip
def test_a_comment_and_a_longer_name_are_not_taken_for_it(tmp_path: Path, sql: str) -> None:
    """Else people would have to write their comments around us."""
    write_migration(tmp_path / "m", STEM, sql, checks={"plan": "select deploy_ledger.plan('select 1');"})
    (file,) = read_folder(tmp_path / "m")
    assert load(file).statements


def test_a_state_without_its_statements_is_not_believed(empty_database: str, tmp_path: Path) -> None:
    """Else one row, written by whoever may, would make a deployed migration of one that never ran."""
    database = Database(empty_database)
    write_migration(tmp_path / "m", STEM, "create table public.new (id int);")
    with working_on(empty_database, tmp_path / "m") as work:
        database.run(
            f"insert into deploy_ledger.attempt (deployment_id, version, stem, sql_hash, state, ended_at)"
            f" values ({work.job.deployment_id}, '{STEM[:14]}', '{STEM}', '{work.migrations[0].file.sql_hash}', 'verified',"
            " now() - interval '1 s')"
        )
        database.run(f"insert into supabase_migrations.schema_migrations (version) values ('{STEM[:14]}')")

        standing = read_state(work.job.ledger, [STEM[:14]]).standing(STEM[:14])

    assert standing is Standing.UNBELIEVED
    assert not standing.is_in_place
