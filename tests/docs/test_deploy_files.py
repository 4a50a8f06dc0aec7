"""The files of deploy/ and the examples of docs/projects.md are what Kubernetes, Airflow and our own reader take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.providers.fab.www.security import permissions

from pg_deploy.configuration.dag_names import dag_names
from pg_deploy.projects.project import ProjectSettings
from pg_deploy.projects.project_file import read_projects
from tests.docs.reading import CHECKOUT

DEPLOY = CHECKOUT / "deploy"
PROJECTS = (CHECKOUT / "docs" / "projects.md").read_text(encoding="utf-8")
# Keys of the official chart, as its values.schema.json names them, and Netcracker/qubership-airflow for a chart of Airflow 3.
# What stands below these is Kubernetes' own.
CHART = frozenset(
    {
        "images.airflow.repository",
        "images.airflow.tag",
        "airflowVersion",
        "env",
        "workers.terminationGracePeriodSeconds",
        "workers.safeToEvict",
        "workers.resources",
        "workers.extraVolumes",
        "workers.extraVolumeMounts",
        "workers.securityContexts.pod",
        "workers.securityContexts.container",
        "apiServer.resources",
        "triggerer.enabled",
    }
)


def _yaml(name: str) -> Any:
    return yaml.safe_load((DEPLOY / "kubernetes" / name).read_text(encoding="utf-8"))


def _keys(values: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in values.items():
        path = f"{before}{key}"
        if path not in CHART and isinstance(value, dict):
            yield from _keys(value, f"{path}.")
        else:
            yield path


def test_the_values_are_keys_of_the_chart() -> None:
    """The chart refuses a key that it does not know, and nothing is installed."""
    assert set(_keys(_yaml("values.yaml"))) == CHART


def test_the_pod_is_one_that_airflow_can_start() -> None:
    """Airflow looks for the container `base`, and fills in the rest."""
    pod = _yaml("pod_template.yaml")
    (base,) = pod["spec"]["containers"]
    assert (pod["kind"], base["name"], pod["spec"]["restartPolicy"]) == ("Pod", "base", "Never")
    assert {mount["name"] for mount in base["volumeMounts"]} == {volume["name"] for volume in pod["spec"]["volumes"]}
    # Kubernetes refuses the one without the other.
    assert base["securityContext"]["procMount"] == "Unmasked"
    assert pod["spec"]["hostUsers"] is False


def test_both_say_the_same_of_a_worker() -> None:
    """Who changes the executor must not lose the room for copies."""
    workers, pod = _yaml("values.yaml")["workers"], _yaml("pod_template.yaml")["spec"]
    (base,) = pod["containers"]
    assert workers["resources"] == base["resources"]
    assert workers["extraVolumes"] == pod["volumes"]
    assert workers["extraVolumeMounts"] == base["volumeMounts"]
    assert workers["terminationGracePeriodSeconds"] == pod["terminationGracePeriodSeconds"]
    images = _yaml("values.yaml")["images"]["airflow"]
    assert base["image"] == f"{images['repository']}:{images['tag']}"


@pytest.mark.parametrize("name", ["values.yaml", "pod_template.yaml"])
def test_each_variable_is_read_by_the_code(name: str) -> None:
    """A misspelt setting is no setting, and nobody says so."""
    code = "".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "plugins").rglob("*.py"))
    text = (DEPLOY / "kubernetes" / name).read_text(encoding="utf-8")
    named = set(re.findall(r"name: ((?:PG_DEPLOY|BACKUP)_\w+)", text))
    assert named == {"BACKUP_URI", "PG_DEPLOY_WORKDIR", "PG_DEPLOY_WITHOUT_WALL"}
    assert [each for each in named if f'"{each}"' not in code] == []


def test_the_image_takes_nothing_but_wheels() -> None:
    """It is for those who may not be root."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^FROM (\S+?):", text, re.MULTILINE) == ["apache/airflow"]
    assert re.findall(r"^USER (\w+)", text, re.MULTILINE) == ["airflow"]
    assert re.findall(r"^COPY .* (\S+) \S+$", text, re.MULTILINE) == ["dist/*.whl"]
    assert "apt-get" not in text


def test_the_general_roles_hold_no_right_to_what_is_everybodys() -> None:
    """With one of these, a team reads the names, hosts or deployments of another."""
    rows = json.loads((DEPLOY / "airflow" / "roles.json").read_text(encoding="utf-8"))
    rights = {(row["name"], row["resource"]): set(row["action"].split(",")) for row in rows}
    assert len(rights) == len(rows)
    assert {name for name, _ in rights} == {"databases_read", "databases_deploy"}
    known = {value for value in vars(permissions).values() if isinstance(value, str)} | {"Assets", "Asset Aliases"}
    assert {resource for _, resource in rights} <= known
    everybodys = {
        "Assets",
        "Asset Aliases",
        "Connections",
        "Variables",
        "Pools",
        "Jobs",
        "Cluster Activity",
        "ImportError",
    }
    everybodys |= {
        "All Import Errors",
        "Audit Logs",
        "All Audit Logs",
        "Backfills",
        "Providers",
        "Configurations",
    }
    assert {resource for _, resource in rights} & everybodys == set()
    assert all(rights[name, "DAGs"] == {"menu_access"} for name in ("databases_read", "databases_deploy"))
    assert not any("can_delete" in actions for actions in rights.values())
    changes = {
        resource for (name, resource), actions in rights.items() if name == "databases_read" and "can_edit" in actions
    }
    assert changes == {"My Password"}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PROJECTS, re.MULTILINE | re.DOTALL)


def test_the_file_of_projects_in_the_book_can_be_read(tmp_path: Path) -> None:
    """It is what people copy."""
    (text,) = _blocks("yaml")
    for folder in ("shop/supabase/migrations", "billing/migrations"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "shop" / "thresholds.yaml").write_text("{}\n", encoding="utf-8")
    (tmp_path / "pg_deploy.yaml").write_text(text, encoding="utf-8")
    shop, billing = read_projects(tmp_path / "pg_deploy.yaml", (tmp_path,))
    assert shop.targets == ("shop_db", "shop_staging")
    assert (shop.window is None, billing.window is None) == (False, True)
    assert billing.defaults == {"approval": "risky", "lock_budget": "1 s", "four_eyes": True, "backup": "external"}


def test_each_dag_file_in_the_books_is_one_that_airflow_parses() -> None:
    """Airflow passes over a file without both words, silently."""
    for book in ("docs/projects.md", "docs/from-a-checklist.md", "README.md"):
        text = (CHECKOUT / book).read_text(encoding="utf-8")
        files = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        assert files
        for file in files:
            compile(file, book, "exec")
            assert {"dag", "airflow"} <= set(re.findall("dag|airflow", file.lower())), book


def test_the_book_names_each_field_and_each_default() -> None:
    """A field that nobody wrote down is used by nobody."""
    rows = set(re.findall(r"^\| `(\w+)` \|", PROJECTS, re.MULTILINE))
    assert set(ProjectSettings.model_fields) <= rows
    with pytest.raises(ValueError, match="has no default to set") as refused:
        ProjectSettings(target="a", migrations="b", defaults={"nothing": 1})
    known = re.findall(r"\w+", str(refused.value).partition("there are: ")[2].partition(" [")[0])
    assert len(known) > 9
    assert [name for name in known if f"`{name}`" not in PROJECTS] == []
    assert all(f"`{dag.removesuffix('shop')}<name>`" in PROJECTS for dag in dag_names("shop").all)
