"""The DAGs of projects, as Airflow reads them from a team's DAG file."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from airflow.dag_processing.dagbag import DagBag

from pg_deploy.configuration.dag_names import OWN, dag_names, kind_of, names_beside
from pg_deploy.projects.errors import NotOfProjectError
from pg_deploy.projects.registry import project_of


def _bag(folder: Path, text: str, **files: str) -> DagBag:
    (folder / "databases.py").write_text(dedent(text), encoding="utf-8")
    for name in ("shop", "billing"):
        (folder / name).mkdir()
        (folder / name / "20250101000000_first.sql").write_text("select 1;\n", encoding="utf-8")
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(dedent(content), encoding="utf-8")
    return DagBag(str(folder), bundle_name="dags-folder")


_TWO = '''\
    """The databases of our services, in Airflow."""
    from pg_deploy.dags import deployment_dags
    deployment_dags("shop", target="shop_db", migrations="shop", targets=["shop_staging"], defaults={"lock_budget": "1 s"})
    deployment_dags("billing", target="billing_db", migrations="billing", roles={"money": "deploy", "audit": "read"})
'''


def test_a_file_of_four_lines_makes_the_dags_of_two_projects(tmp_path: Path) -> None:
    bag = _bag(tmp_path, _TWO)
    assert bag.import_errors == {}
    assert set(bag.dags) == {*dag_names("shop").all, *dag_names("billing").all}
    shop, billing = bag.dags["deploy_shop"], bag.dags["deploy_billing"]
    assert shop.fileloc == str(tmp_path / "databases.py")
    assert "20250101000000_first.apply" in shop.task_ids
    assert shop.params.get_param("target").schema["enum"] == ["shop_db", "shop_staging"]
    assert shop.params["lock_budget"] == "1 s"
    assert shop.params["migrations_folder"].startswith("shop@sha256:")
    assert billing.access_control is not None
    assert billing.access_control["money"]["DAGs"] == {"can_read", "can_edit"}
    assert billing.access_control["audit"]["DAG Runs"] == {"can_read"}
    assert "deploy_migrations" not in str(shop.doc_md)
    with pytest.raises(NotOfProjectError, match='"billing_db" is no target of the project "shop"'):
        project_of("rollback_shop").refuse_target("billing_db")


def test_a_deployment_of_one_project_wakes_its_own_monitor_alone(tmp_path: Path) -> None:
    bag = _bag(tmp_path, _TWO)
    told = {asset.name for asset in bag.dags["deploy_shop"].get_task("report").outlets}
    woken = {name: str(bag.dags[name].timetable.asset_condition) for name in ("monitor_shop", "monitor_billing")}
    assert told == {"target_changed_shop"}
    assert "target-changed/shop" in woken["monitor_shop"]
    assert "shop" not in woken["monitor_billing"]


def test_a_file_of_projects_makes_their_dags(tmp_path: Path) -> None:
    text = '"""Airflow: our databases."""\nfrom pg_deploy.dags import project_dags\nproject_dags()\n'
    listed = "projects:\n  shop: {target: shop_db, migrations: shop}\n"
    bag = _bag(tmp_path, text, pg_deploy__yaml=listed)
    assert bag.import_errors == {}
    assert set(bag.dags) == set(dag_names("shop").all)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ('deployment_dags("shop", target="shop_db", migrations="nowhere")', "leads nowhere"),
        ('deployment_dags("Shop", target="shop_db", migrations="shop")', "small letter"),
        ('deployment_dags("shop", target="shop_db", migrations="shop", aprovers=["ann"])', "unknown key 'aprovers'"),
        ('deployment_dags("shop", target="shop_db", migrations="shop", schedule="whenever")', "schedule"),
    ],
)
def test_a_fault_of_a_call_is_the_files_import_error(tmp_path: Path, call: str, said: str) -> None:
    bag = _bag(tmp_path, f'"""In Airflow."""\nfrom pg_deploy.dags import deployment_dags\n{call}\n')
    assert bag.dags == {}
    assert said in next(iter(bag.import_errors.values()))


def test_the_name_of_a_dag_says_what_its_runs_do() -> None:
    assert names_beside("deploy_shop") == dag_names("shop")
    assert names_beside("monitor_database") == OWN == dag_names("")
    assert [kind_of(name) for name in OWN.all] == ["deploy", "rollback", "baseline", "restore", "monitor"]
    assert kind_of("website") is None
