"""Two projects of one DAG file, in whole runs: each has its own folder, databases and rules, and neither touches the other's."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from airflow import settings
from airflow.dag_processing.bundles.base import BaseDagBundle
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.sdk.exceptions import ParamValidationError
from sqlalchemy.event import listen, remove

from demo import cluster
from pg_deploy.configuration.dag_names import dag_names
from pg_deploy.ui.projects import known_projects, project_with
from tests.building import write_migration
from tests.dags.harness import load_dags
from tests.dags.projects import FIRST, Projects, make_projects, save_dags
from tests.looking import Database

RISKY = "risk: high\n"
_AIRFLOWS_OWN = [
    {"name": "dags-folder", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {}}
]


@pytest.fixture
def projects(demo_cluster: cluster.Cluster, tmp_path: Path) -> Iterator[Projects]:
    """The projects shop and billing, each with an empty database."""
    names = {project: f"{project}_{secrets.token_hex(4)}" for project in FIRST}
    urls = {project: cluster.empty(demo_cluster, name) for project, name in names.items()}
    for url in urls.values():
        Database(url).give_nothing_new_to_the_api()
    yield make_projects(tmp_path / "dags", urls)
    for name in names.values():
        cluster.drop(demo_cluster, name)


def _closed() -> str:
    """A window that is open on another day of the week than these."""
    day = datetime.now(timezone.utc) + timedelta(days=3)
    return f"{day:%a} 00:00-00:01 UTC"


def test_a_page_of_one_run_reads_the_data_of_its_project_alone(projects: Projects) -> None:
    """With a hundred projects each look at a live run would read a hundred DAGs, every few seconds."""
    save_dags(load_dags(projects.file))
    asked: list[object] = []
    note = lambda _connection, _cursor, _statement, parameters, *_rest: asked.append(parameters)  # noqa: E731
    listen(settings.engine, "before_cursor_execute", note)
    try:
        found = {dag_id: project_with(dag_id) for dag_id in ("deploy_shop", "monitor_shop", "deploy_nowhere", "shop")}
    finally:
        remove(settings.engine, "before_cursor_execute", note)

    assert {dag_id: found_one and found_one.name for dag_id, found_one in found.items()} == {
        "deploy_shop": "shop", "monitor_shop": "shop", "deploy_nowhere": None, "shop": None,
    }  # fmt: skip
    assert "monitor_shop" in str(asked)
    assert "billing" not in str(asked)
    assert found["deploy_shop"] in known_projects()


def _untouched(database: Database) -> bool:
    return not database.has("deploy_ledger.deployment") and database.history == []


def _risky(projects: Projects) -> str:
    """A second migration of the shop, which a person is asked about."""
    stem = "20250102000000_make_prices"
    write_migration(
        projects.folder / "shop",
        stem,
        "create table public.prices (id int primary key);\n",
        rollback="drop table public.prices;\n",
        manifest=RISKY,
    )
    return stem


@pytest.fixture
def backups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where all projects keep their backups."""
    monkeypatch.setenv("BACKUP_URI", f"file://{tmp_path / 'backups'}")
    return tmp_path / "backups"


@pytest.mark.acceptance
def test_two_projects_of_one_file_are_deployed_whole_each_to_its_own_database(
    projects: Projects, backups: Path
) -> None:
    """Else a team with two services needs two Airflows. With backup and rehearsal, as in production."""
    projects.write(billing={"defaults": {"on_failure": "stop"}})
    whole = {"backup": "full", "rehearse": "full"}
    for name in ("shop", "billing"):
        run = projects.run(f"deploy_{name}", whole)
        assert run.state == "success", run.text
    for name, database in projects.databases.items():
        assert database.history == [FIRST[name][:14]]
        assert database.attempts[0][1] == "verified"
        assert database.rows("select dag_id from deploy_ledger.deployment") == [(f"deploy_{name}",)]
    shop, billing = projects.databases["shop"], projects.databases["billing"]
    assert (shop.has("goods"), shop.has("invoices")) == (True, False)
    assert (billing.has("goods"), billing.has("invoices")) == (False, True)
    assert projects.run("monitor_billing").state == "success"
    assert not shop.has("deploy_ledger.sample") or shop.rows("select from deploy_ledger.sample") == []
    theirs = next(path.name for path in backups.iterdir() if path.name.startswith("billing_db"))
    for wanted in (theirs, f"file://{backups}/{theirs}"):
        stolen = projects.run("restore_shop", {"backup": wanted})
        assert stolen.state == "failed"
    assert projects.run("restore_shop").state == "success"


def test_who_may_restore_one_projects_backups_is_not_told_of_the_others(projects: Projects, backups: Path) -> None:
    """Else everybody who may restore the shop knows the databases of all teams, and when they are changed."""
    theirs = "billing_db-0123456789-20250101T000000Z"
    (backups / theirs).mkdir(parents=True)
    (backups / theirs / "manifest.json").write_text("{}")
    run = projects.run("restore_shop")
    assert run.state == "failed"
    assert "billing" not in run.text


@pytest.mark.parametrize("kind", ["deploy", "rollback", "baseline", "restore", "monitor"])
def test_a_run_that_names_the_other_projects_target_is_refused_before_anything_is_touched(
    projects: Projects, kind: str
) -> None:
    """Else who may trigger the shop changes billing. Airflow refuses it in the form; a run that was triggered before is ours to refuse."""
    conf = {"target": "billing_db", **({"down_to": "0"} if kind == "rollback" else {})}
    with pytest.raises((ParamValidationError, ValueError), match="billing_db"):
        projects.run(f"{kind}_shop", conf)
    projects.write(shop={"targets": ["billing_db"]})
    run = projects.run(f"{kind}_shop", conf, after_parsing=projects.rewrite)
    assert run.state == "failed"
    assert '"billing_db" is no target of the project "shop"' in run.text
    assert all(_untouched(database) for database in projects.databases.values())


@pytest.mark.acceptance
def test_only_the_approvers_of_a_project_can_approve_and_no_conf_goes_around_them(projects: Projects) -> None:
    """Else the names in the DAG file are decoration: anybody who may answer decides, or whoever triggers asks nobody."""
    shop, stem = projects.databases["shop"], _risky(projects)
    projects.write(shop={"approvers": ["ann"], "contacts": "the shop's people"})
    other = projects.run("deploy_shop", answer="Approve", answered_by="bob")
    assert other.state == "failed"
    assert "the shop's people" in other.text
    assert not shop.has("prices")
    assert shop.evidence("approval") == [(stem, "refused: not by one of the approvers")]
    asked = projects.run("deploy_shop", {"approval": "none"}, answer="Approve", answered_by="Ann")
    assert asked.state == "success", asked.text
    assert shop.has("prices")
    undone = projects.run("rollback_shop", {"down_to": "0", "approval": "none"}, answer="Approve", answered_by="bob")
    assert undone.state == "failed"
    assert shop.has("prices")


@pytest.mark.acceptance
def test_a_closed_window_refuses_before_the_claim_and_lets_a_dry_run_and_a_rollback_through(projects: Projects) -> None:
    """Else something is changed on a Friday night, or what went wrong on a Thursday cannot be undone then."""
    shop = projects.databases["shop"]
    projects.write(shop={"window": _closed()})
    refused = projects.run("deploy_shop")
    assert refused.state == "failed"
    assert 'the project "shop" changes its databases only' in refused.text
    assert _untouched(shop)
    assert projects.run("deploy_shop", {"dry_run": True}).state == "success"
    projects.write()
    assert projects.run("deploy_shop").state == "success"
    projects.write(shop={"window": _closed()})
    undone = projects.run("rollback_shop", {"down_to": "0"}, answer="Approve")
    assert undone.state == "success", undone.text
    assert not shop.has("goods")


@pytest.mark.acceptance
@pytest.mark.parametrize("marked", [None, r".*make_prices\.snapshot"], ids=["as it is", "snapshot marked as done"])
def test_a_window_that_closes_while_an_approval_waits_lets_nothing_more_be_applied(
    projects: Projects, marked: str | None
) -> None:
    """Else an approval on Friday evening changes the database then. Nor may marking a task as done go around it."""
    shop = projects.databases["shop"]
    _risky(projects)
    answered: list[str] = []

    def close_and_approve(instance: Any, session: Any) -> None:
        if not answered:
            projects.rewrite(shop={"window": _closed()})
        answered.append(instance.task_id)
        _approve(instance, session)

    run = projects.run("deploy_shop", answer=close_and_approve, marked=marked)
    assert run.state == "failed"
    assert answered
    assert (shop.has("goods"), shop.has("prices")) == (True, False), run.text
    assert "nothing more was changed" in run.text


def _approve(instance: Any, session: Any) -> None:
    from tests.dags.harness import answer_one

    answer_one(instance, session, "Approve", "tester")


@pytest.mark.acceptance
def test_each_project_tells_its_own_people(projects: Projects, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the shop's people are woken for billing, and billing's are not."""
    monkeypatch.setenv("PG_DEPLOY_NOTICES", "everybodys_channel")
    for name in ("shop", "billing"):
        write_migration(projects.folder / name, "20250103000000_fails", "select 1/0;\n", rollback="select 1;\n")
    projects.write(shop={"notices": ["shops_channel"], "contacts": "ann"}, billing={"contacts": "bob"})
    shop, billing = projects.run("deploy_shop"), projects.run("deploy_billing")
    assert 'there is no connection "shops_channel"' in shop.text
    assert "contacts: ann" in shop.text
    assert 'there is no connection "everybodys_channel"' in billing.text
    assert "contacts: bob" in billing.text
    assert "bob" not in shop.text
    assert "everybodys_channel" not in shop.text


class GitBundle(BaseDagBundle):
    """A DAG bundle that is the files of a local git repository at a commit."""

    supports_versioning = True

    def __init__(self, *, repository: str, **more: Any) -> None:
        super().__init__(**more)
        self.repository = repository

    def initialize(self) -> None:
        """Check the commit out, if it is not."""
        if not self.path.exists():
            _git(self.repository, "worktree", "add", "--detach", str(self.path), self.version or "HEAD")
        super().initialize()

    @property
    def path(self) -> Path:
        """Where the files of the version are."""
        return Path(self.repository).parent / f"at_{self.version or 'head'}"

    def get_current_version(self) -> str:
        """The commit."""
        return self.version or _git(self.repository, "rev-parse", "HEAD")

    def refresh(self) -> None:
        """A version does not change."""


def _git(repository: str | Path, *words: str) -> str:
    who = ["-c", "user.name=tester", "-c", "user.email=tester@localhost"]
    done = subprocess.run(["git", *who, *words], cwd=repository, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.acceptance
def test_a_run_is_bound_to_the_commit_of_its_bundle_and_says_which(
    projects: Projects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a push between the trigger and the last task deploys what nobody rehearsed or approved, and no evidence says what was."""
    stem, repository = _risky(projects), projects.folder
    _git(repository, "init", "-q")
    _git(repository, "add", ".")
    _git(repository, "commit", "-qm", "first")
    commit = _git(repository, "rev-parse", "HEAD")
    configured = [{"name": "team", "classpath": f"{__name__}.GitBundle", "kwargs": {"repository": str(repository)}}]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([*_AIRFLOWS_OWN, *configured]))
    bundle = DagBundlesManager().get_bundle("team", version=commit)  # type: ignore[no-untyped-call]
    bundle.initialize()
    write_migration(repository / "shop", "20250104000000_later", "create table public.later (id int);\n")
    _git(repository, "add", ".")
    _git(repository, "commit", "-qm", "second")
    asked: list[str] = []

    def look_and_approve(instance: Any, session: Any) -> None:
        from airflow.models.hitl import HITLDetail
        from sqlalchemy import select

        detail = session.scalars(select(HITLDetail).where(HITLDetail.ti_id == instance.id)).one()
        asked.append(f"{detail.subject}\n{detail.body}")
        _approve(instance, session)

    run = projects.run("deploy_shop", bundle=bundle, answer=look_and_approve)
    shop = projects.databases["shop"]
    assert run.state == "success", run.text
    assert f"this run deploys commit {commit}" in run.text
    assert any(stem in text and f"Of commit `{commit}`." in text for text in asked)
    assert [name for name, _ in shop.evidence("source")] == [commit]
    assert shop.history == ["20250101000000", "20250102000000"]
    assert not shop.has("later")
    shown = shop.rows("select folder from deploy_ledger.deployment")
    assert str(bundle.path) not in str(shown), "the folder of one worker's checkout is no name of a folder"


def test_two_projects_of_one_name_are_an_import_error(projects: Projects) -> None:
    """Else the second call silently takes the DAGs of the first, and a database is no longer deployed to."""
    projects.file.write_text(
        '"""Airflow."""\nfrom pg_deploy.dags import deployment_dags\n'
        'deployment_dags("shop", target="shop_db", migrations="shop")\n'
        'deployment_dags("shop", target="billing_db", migrations="billing")\n'
    )
    with pytest.raises(AssertionError, match="made twice"):
        load_dags(projects.file)
    projects.write()
    for _ in range(2):
        assert set(load_dags(projects.file).dags) == {*dag_names("shop").all, *dag_names("billing").all}
