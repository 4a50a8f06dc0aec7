"""The roles that docs/projects.md has: who may do what in whose project, asked of Airflow itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.docs.reading import CHECKOUT, blocks

pytestmark = pytest.mark.acceptance

DAGS = '''\
"""The databases of our services, in Airflow."""
from pg_deploy.dags import deployment_dags
deployment_dags("shop", target="shop_db", migrations="shop", roles={"shop_team": "deploy", "shop_audit": "read"})
deployment_dags("billing", target="billing_db", migrations="billing", roles={"billing_team": "deploy"})
'''


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What an Airflow with FAB and the roles of the book answered to each user."""
    home = tmp_path_factory.mktemp("airflow")
    for name in ("shop", "billing"):
        (home / "dags" / name).mkdir(parents=True)
        (home / "dags" / name / "20250101000000_first.sql").write_text("select 1;\n")
    (home / "dags" / "databases.py").write_text(DAGS)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment = {
        **kept,
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'plugins'}",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API__SECRET_KEY": "a" * 64,
        "AIRFLOW__API_AUTH__JWT_SECRET": "b" * 64,
    }
    (book,) = (block.text for block in blocks() if "airflow roles import" in block.text)
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.team_roles", book, str(home / "dags")],
        env=environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout.rpartition("ANSWERS ")[2])


def test_a_team_lists_its_own_project_alone(answers: Any) -> None:
    """The general role must not hold the right to read every DAG."""
    for user in ("sam", "ann"):
        assert {name.partition("_")[2] for name in answers["does"][user]["lists"]} == {"shop"}
        assert len(answers["does"][user]["lists"]) == 5
    assert len(answers["does"]["root"]["lists"]) == 10


@pytest.mark.parametrize(
    ("user", "may", "may_not"),
    [
        ("sam", {"triggers", "pauses", "reads the runs of", "reads the code of"}, set()),
        ("ann", {"reads the runs of", "reads the code of"}, {"triggers", "pauses"}),
    ],
)
def test_who_may_do_what_with_their_own(answers: Any, user: str, may: set[str], may_not: set[str]) -> None:
    """`deploy` and `read` mean what the book says."""
    did = answers["does"][user]
    assert {verb: did[f"{verb} restore_shop"] for verb in may} == dict.fromkeys(may, 200)
    assert {verb: did[f"{verb} restore_shop"] for verb in may_not} == dict.fromkeys(may_not, 403)
    verbs = may | may_not
    assert {verb: did[f"{verb} restore_billing"] for verb in verbs} == dict.fromkeys(verbs, 403)


def test_no_route_tells_one_team_of_the_other(answers: Any) -> None:
    """Each route of the description that can be read is asked about the other project's DAG."""
    assert len(answers["reads"]["root"]) > 80
    assert sum(told for _, told, _ in answers["reads"]["root"].values()) > 5
    for user in ("sam", "ann"):
        assert {route: answer for route, answer in answers["reads"][user].items() if answer[1]} == {}
