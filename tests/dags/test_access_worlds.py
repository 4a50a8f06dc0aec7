"""The ways in which projects use row level security ("worlds"), each as whole deployments with a rehearsal.

A tenant in a setting, a role for each customer, tokens of a third party, claims with an authorize() function, accounts with
members, PostgREST without Supabase, and the demonstration. An equal rewrite is deployed without a word. What opens something
is found on the copy, and explained to somebody who does not know the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import cluster
from tests.building import write_migration
from tests.core.access.cases import Case, Templates, make_state, private_server, read_cases, templates_of
from tests.dags.harness import run_dag
from tests.installed import open_folder
from tests.looking import Database

FOLDER = Path(__file__).resolve().parents[1] / "cases" / "access"
OF_THE_DEMO = ("q01_initplan_wrap", "q03_definer_helper_rewritten_equal", "b03_guard_trigger_dropped", "p_or4_one_user")
CASES = [case for case in read_cases(FOLDER) if case.name.startswith("w") or case.name in OF_THE_DEMO]
REHEARSED = {"approval": "none", "backup": "full", "rehearse": "full"}
STEM = "20260101000000_case"


@pytest.fixture(scope="module")
def templates(demo_cluster: cluster.Cluster) -> Iterator[Templates]:
    with open_folder() as folder:
        yield templates_of(demo_cluster, folder)


@pytest.mark.acceptance
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_world_is_deployed_or_left_alone(
    case: Case, templates: Templates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a project that is not the demonstration's learns nothing, or cannot deploy at all."""
    monkeypatch.setenv("BACKUP_URI", f"file://{tmp_path}/backups")
    with private_server(templates, case.database) as (deployer, admin):
        make_state(case, deployer, admin)
        if case.database == "plain":
            # Preflight asks for it if policies are forced on owners: a copy has to hold every row.
            Database(f"{admin}/app").run("alter role app_owner bypassrls")
        sql = ";\n".join(each.rstrip().rstrip(";") for each in case.migration) + ";\n"
        write_migration(tmp_path / "m", STEM, sql, manifest=case.manifest)
        result = run_dag("deploy_migrations", f"{deployer}/app", tmp_path / "m", REHEARSED)
        database = Database(f"{deployer}/app")
        sentences = [
            sentence
            for (against,) in database.rows(
                "select detail -> 'against' from deploy_ledger.evidence where kind = 'access'"
            )
            for sentence in against
        ]
        text = "\n".join(sentences)
        if case.expect == "quiet":
            assert (result.state, sentences) == ("success", []), f"{text}\n---\n{result.text}"
            assert database.attempts == [(STEM[:14], "verified")]
            return
        assert result.tasks["rehearse"] == "failed", result.text
        assert database.attempts == []
        # It names what opened and for whom, the line, and what to write.
        assert "where the migration does it: line 1, " in text, text
        assert "if that is meant, write " in text, text
        assert sentences[0][0] != "{", text
        for sentence in sentences:
            assert sentence in result.text, f"{sentence}\n---\n{result.text}"
