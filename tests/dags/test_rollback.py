"""rollback_migrations: undoing later, from the ledger alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.building import write_migration
from tests.dags.conftest import Deploy, Rollback
from tests.dags.harness import PROJECT
from tests.looking import Database

NOTES = "20250101000000_create_notes"
INDEX = "20250102000000_index_notes"
VIEW = "20250103000000_add_view"
GREEN = {"preflight": "success", "approve": "success", "undo": "success", "report": "success"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three migrations: a table with its rollback.sql, an index and a view that bring none."""
    made = tmp_path / "migrations"
    write_migration(
        made,
        NOTES,
        "create table public.notes (id bigint generated always as identity primary key, body text not null);\n"
        "alter table public.notes enable row level security;\n"
        "create policy notes_read on public.notes for select to authenticated using (true);\n",
        rollback="drop table public.notes;\n",
    )
    write_migration(made, INDEX, "create index concurrently notes_body on public.notes (body);\n")
    write_migration(made, VIEW, "create view public.short as select id, left(body, 5) as body from public.notes;\n")
    return made


@pytest.mark.acceptance
def test_everything_is_undone_after_the_files_are_gone(
    database: Database, deploy: Deploy, rollback: Rollback, folder: Path
) -> None:
    """Else a deployment could be undone only as long as nobody touched the checkout."""
    before = database.facts
    assert deploy(folder).state == "success"
    shutil.rmtree(folder)
    database.run("insert into public.notes (body) values ('one'), ('two')")

    undone = rollback({"down_to": "0"})

    assert undone.state == "success", undone.text
    assert undone.tasks == GREEN
    assert database.facts == before
    assert database.history == []
    assert [state for _, state in database.attempts] == ["rolled_back"] * 3
    assert database.deployments == ["deployed", "rolled_back"]
    order = [
        row[0]
        for row in database.rows(
            "select stem from deploy_ledger.planned_migration where deployment_id = 2 order by position"
        )
    ]
    assert order == [VIEW, INDEX, NOTES]
    assert "would be lost: table public.notes: 2 rows" in undone.text
    assert (
        f"{INDEX}: index notes (a generated rollback, unproven: it is committed only if it leads back)" in undone.text
    )
    assert f"✓ {NOTES}: undone" in undone.text


@pytest.mark.acceptance
def test_what_stays_is_what_down_to_names(database: Database, deploy: Deploy, rollback: Rollback, folder: Path) -> None:
    """Else an engineer who goes back one step loses the ones before."""
    deploy(folder)

    undone = rollback({"down_to": INDEX})

    assert undone.state == "success", undone.text
    assert not database.has("public.short")
    assert database.has("public.notes_body")
    assert database.history == [NOTES[:14], INDEX[:14]]


@pytest.mark.acceptance
def test_a_deployment_is_undone_from_another_airflow_with_the_same_ledger(
    database: Database, deploy: Deploy, rollback: Rollback, folder: Path, tmp_path: Path
) -> None:
    """Else a lost Airflow would take with it the way back."""
    early = tmp_path / "early"
    write_migration(early, NOTES, (folder / f"{NOTES}.sql").read_text(), rollback="drop table public.notes;\n")
    deploy(early)
    deploy(folder)

    script = (
        "import sys, tests.conftest\n"
        "from tests import airflow_home; airflow_home.fill()\n"
        "from pathlib import Path\n"
        "from tests.dags.harness import run_dag\n"
        "made = run_dag('rollback_migrations', sys.argv[1], Path(sys.argv[2]), {'deployment': 'last', 'approval': 'none'})\n"
        "print(made.text); sys.exit(made.state != 'success')\n"
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))}
    other = subprocess.run(
        [sys.executable, "-c", script, database.url, str(tmp_path)],
        cwd=PROJECT,
        env={**inherited, "PYTHONPATH": f"{PROJECT}/plugins:{PROJECT}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert other.returncode == 0, other.stdout[-3000:] + other.stderr[-3000:]
    assert database.history == [NOTES[:14]]
    assert database.has("public.notes")
    assert not database.has("public.short")


@pytest.mark.acceptance
def test_a_version_that_a_later_one_needs_is_not_undone_alone(
    database: Database, deploy: Deploy, rollback: Rollback, folder: Path
) -> None:
    """Else a view of the next migration would break, or its rollback fail half way."""
    deploy(folder)

    refused = rollback({"version": NOTES})

    assert refused.state == "failed"
    assert refused.tasks["undo"] == "upstream_failed"
    assert f'"{NOTES}" is needed by "{INDEX}", "{VIEW}", which would stay' in refused.text
    assert database.has("public.notes")
    assert database.deployments == ["deployed"]


@pytest.mark.acceptance
def test_one_that_nothing_needs_is_undone_from_the_middle_while_others_changes_stay(
    database: Database, deploy: Deploy, rollback: Rollback, folder: Path
) -> None:
    """Days later a database is never as it was: only the migration's own changes may go."""
    deploy(folder)
    database.run("create table public.theirs (a integer); grant select on public.notes to anon")
    database.run("insert into supabase_migrations.schema_migrations (version) values ('20250104000000')")
    facts = database.facts

    undone = rollback({"version": INDEX[:14]})

    assert undone.state == "success", undone.text
    assert {f"{fact.kind} {fact.identity}" for fact in facts - database.facts} == {"index public.notes_body"}
    assert database.facts < facts
    assert "5 objects changed by hand since deployment 1" in undone.text
    assert "added table public.theirs" in undone.text
    assert "added grant table public.notes to anon" in undone.text


@pytest.mark.acceptance
def test_what_others_changed_or_built_is_named_first(
    database: Database, deploy: Deploy, rollback: Rollback, folder: Path
) -> None:
    """Else the one who approves does not know that a colleague's policy goes with the table."""
    deploy(folder)
    database.run("alter table public.notes add column extra text")
    database.run("alter policy notes_read on public.notes using (id > 1)")
    database.run("create index theirs on public.notes (extra)")

    undone = rollback({"down_to": "0"})

    assert undone.state == "success", undone.text
    assert "changed since by others: changed policy public.notes.notes_read: using true -> (id > 1)" in undone.text
    assert "depends on it: column public.notes.extra, which goes with it" in undone.text
    assert "depends on it: index public.theirs, which goes with it" in undone.text


def test_what_others_built_and_would_be_dropped_by_a_cascade_stops_the_rollback(
    database: Database, deploy: Deploy, rollback: Rollback, tmp_path: Path
) -> None:
    """A careless cascade in a rollback.sql must not take a colleague's view with it."""
    folder = tmp_path / "careless"
    write_migration(
        folder, NOTES, "create table public.notes (id integer);", rollback="drop table public.notes cascade;"
    )
    deploy(folder)
    database.run("create view public.theirs as select * from public.notes")

    undone = rollback({"version": NOTES})

    assert undone.state == "failed"
    assert "depends on it: view public.theirs, which stops the rollback" in undone.text
    assert database.has("public.theirs")
    assert database.attempts == [("20250101000000", "rollback_failed")]


@pytest.mark.acceptance
def test_a_dry_run_shows_everything_and_changes_nothing(
    database: Database, deploy: Deploy, rollback: Rollback, folder: Path
) -> None:
    """Whoever asks what a rollback would do must not thereby do it."""
    deploy(folder)
    facts = database.facts

    shown = rollback({"deployment": 1, "dry_run": True})

    assert shown.state == "success", shown.text
    assert "drop view public.short;" in shown.text
    assert database.facts == facts
    assert database.deployments == ["deployed"]


@pytest.mark.acceptance
@pytest.mark.parametrize("floor", ["none", "risky"])
def test_a_person_is_asked_unless_the_conf_and_the_floor_allow_otherwise(
    database: Database, deploy: Deploy, rollback: Rollback, folder: Path, floor: str
) -> None:
    """Whoever triggers cannot wave away a production target's approval; a rejected rollback changes nothing."""
    deploy(folder)
    conf = {"down_to": INDEX, "approval": "all" if floor == "none" else "none"}

    rejected = rollback(conf, answer="Reject", extra={"approval_floor": floor})

    assert rejected.state == "failed"
    assert rejected.tasks["approve"] == "failed"
    assert database.has("public.short")
    assert f"✗ {VIEW}: rejected" in rejected.text
    approved = rollback(conf, answer="Approve", extra={"approval_floor": floor})
    assert approved.state == "success", approved.text
    assert database.evidence("approval") == [(VIEW, "rejected"), (VIEW, "approved")]


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("conf", "reason"),
    [
        ({}, "nothing says what to undo: give exactly one of version, deployment, down_to, policies_from"),
        ({"version": NOTES, "down_to": "0"}, "version and down_to are given"),
        ({"version": "20240101000000"}, '"20240101000000" is not deployed here'),
        ({"version": "20250104000000"}, '"20250104000000" was applied elsewhere, so the ledger has no rollback of it'),
        ({"down_to": VIEW}, '"20250104000000" was applied elsewhere'),
        ({"deployment": 77}, '"77" is no deployment of which anything is in place'),
        ({"policies_from": "20240101000000"}, '"20240101000000" is no attempt and no version in the ledger'),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_undone_is_refused_with_its_reason(
    database: Database, deploy: Deploy, rollback: Rollback, folder: Path, conf: dict[str, object], reason: str
) -> None:
    """Else a person waits for a rollback that does nothing, or does something else."""
    deploy(folder)
    database.run("insert into supabase_migrations.schema_migrations (version) values ('20250104000000')")
    facts = database.facts

    refused = rollback(conf)

    assert refused.state == "failed"
    assert reason in refused.text, refused.text
    assert database.facts == facts


def test_a_target_without_a_ledger_is_refused(database: Database, rollback: Rollback) -> None:
    """Else a mistyped connection would look like a database with nothing to undo."""
    refused = rollback({"down_to": "0"})

    assert refused.state == "failed"
    assert "has no ledger" in refused.text
    assert not database.has("deploy_ledger.deployment")


@pytest.mark.acceptance
def test_a_migration_that_declares_that_it_cannot_be_undone_is_refused_with_its_reason(
    database: Database, deploy: Deploy, rollback: Rollback, tmp_path: Path
) -> None:
    """Its author knew better than any generator; a person has approved of it as of anything that cannot be undone."""
    folder = tmp_path / "final"
    write_migration(
        folder,
        NOTES,
        "create table public.notes (id integer);",
        manifest="risk: low\nrollback: none\nrollback_reason: letters were sent\n",
    )
    assert deploy(folder, {"approval": "risky"}, answer="Approve").state == "success"

    refused = rollback({"version": NOTES})

    assert refused.state == "failed"
    assert "it declares that it cannot be undone: letters were sent" in refused.text


@pytest.mark.acceptance
def test_rows_that_stay_changed_are_named_with_their_key(
    database: Database, deploy: Deploy, rollback: Rollback, tmp_path: Path
) -> None:
    """A rollback of the catalog must not be taken for one of the data."""
    folder = tmp_path / "data"
    write_migration(
        folder,
        NOTES,
        "create table public.notes (id integer primary key, body text);\ninsert into public.notes values (1, 'a');",
        rollback="drop table public.notes;",
    )
    write_migration(
        folder,
        INDEX,
        "update public.notes set body = 'x' where id = 1;\ncreate index notes_body on public.notes (body);",
        rollback="drop index public.notes_body;",
    )
    deploy(folder)

    undone = rollback({"version": INDEX})

    assert undone.state == "success", undone.text
    assert "not as before: line 1 changed rows of public.notes (key: id), and they stay changed" in undone.text


@pytest.mark.acceptance
def test_only_what_was_changed_by_data_is_refused_without_a_rollback(
    database: Database, deploy: Deploy, rollback: Rollback, tmp_path: Path
) -> None:
    """Nothing that is generated can bring rows back, and it says so."""
    folder = tmp_path / "data"
    write_migration(
        folder,
        NOTES,
        "create table public.notes (id integer primary key, body text);",
        rollback="drop table public.notes;",
    )
    write_migration(folder, INDEX, "insert into public.notes values (1, 'a');")
    deploy(folder)

    refused = rollback({"version": INDEX})

    assert refused.state == "failed"
    assert "rows of public.notes: line 1 changed them: insert into public.notes" in refused.text


@pytest.mark.acceptance
def test_policies_alone_are_restored_from_before_a_version(
    database: Database, deploy: Deploy, rollback: Rollback, folder: Path
) -> None:
    """The guide's second scenario: access is wrong, and everything else of the deployment is to stay."""
    deploy(folder)
    later = "20250104000000_open_notes"
    write_migration(
        folder,
        later,
        "drop policy notes_read on public.notes;\n"
        "create policy everybody on public.notes for all to public using (true);\n"
        "alter table public.notes disable row level security;\n"
        "alter table public.notes add column opened boolean;\n",
    )
    # It has no companion and so declares nothing: what it opens is shown, and lets it pass.
    shutil.rmtree(folder / later)
    before = {fact for fact in database.facts if fact.kind == "policy"}
    deploy(folder)

    restored = rollback({"policies_from": later})

    assert restored.state == "success", restored.text
    assert {fact for fact in database.facts if fact.kind == "policy"} == before
    assert database.value("select relrowsecurity from pg_class where oid = 'public.notes'::regclass")
    assert database.value("select count(*) from pg_attribute where attname = 'opened'") == 1
    assert later[:14] in database.history
