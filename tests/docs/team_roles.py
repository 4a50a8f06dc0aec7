"""What docs/projects.md says of roles, done in an Airflow with FAB, and each route asked as each user. Prints what was answered as JSON.

Run by test_team_roles.py in a process of its own: an Airflow's home and auth manager are chosen once in a process.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from typing import Any

import httpx
from airflow.api_fastapi.app import create_app
from airflow.cli.cli_parser import get_parser
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.connection import Connection
from airflow.models.pool import Pool
from airflow.models.variable import Variable
from airflow.utils.db import upgradedb
from airflow.utils.session import create_session
from fastapi.testclient import TestClient

USERS = ("sam", "ann", "root")
# Beside sam, whom the book makes.
OTHERS = """
airflow users create --username ann --role shop_audit --firstname Ann --lastname X --email ann@example.com
airflow users add-role --username ann --role databases_read
airflow users create --username root --role Admin --firstname Root --lastname X --email root@example.com
"""
FOREIGN = "deploy_billing"
# Of these the answer is a stream that does not end.
ENDLESS = re.compile(r"wait|stream|structure_data")


def _prepare(commands: str, dags: str) -> None:
    upgradedb()
    for line in (*commands.splitlines(), *OTHERS.splitlines()):
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[1:3] == ["users", "create"]:
            words += ["--password", words[words.index("--username") + 1]]
        given = get_parser().parse_args(words[1:])
        given.func(given)
    with create_session() as session:
        session.add(Connection(conn_id="billing_db", conn_type="postgres", host="billing.example.com"))
        session.add(Variable(key="billing", val="a secret"))  # type: ignore[no-untyped-call]  # Airflow gives it no types
        session.add(Pool(pool="billing", slots=1, include_deferred=False))
    sync_bag_to_db(DagBag(dags, bundle_name="dags-folder"), "dags-folder", None)


def _answers(client: TestClient, headers: dict[str, str], routes: dict[str, Any]) -> dict[str, Any]:
    """For each route that can be read: its status, and whether the other project is in the answer."""
    found: dict[str, Any] = {}
    for route, operations in routes.items():
        if "get" not in operations or ENDLESS.search(route):
            continue
        address = re.sub(r"\{[^}]*\}", "1", route.replace("{dag_id}", FOREIGN))
        needed = operations["get"].get("parameters", [])
        query = {each["name"]: FOREIGN for each in needed if each.get("required") and each["in"] == "query"}
        try:
            answer = client.get(address, headers=headers, params=query)
        except Exception as error:  # a route of Airflow that fails tells nothing
            found[route] = [500, False, repr(error)[:200]]
        else:
            told = answer.is_success and "billing" in answer.text
            found[route] = [answer.status_code, told, answer.text[:200] if told else ""]
    return found


def main(commands: str, dags: str) -> None:
    """Run the commands of the book, make the DAGs, and ask."""
    _prepare(commands, dags)
    result: dict[str, Any] = {"reads": {}, "does": {}}
    with TestClient(create_app(), base_url="http://testserver", raise_server_exceptions=False) as client:
        routes = client.get("/openapi.json").json()["paths"]
        for user in USERS:
            token = client.post("/auth/token", json={"username": user, "password": user}).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            result["reads"][user] = _answers(client, headers, routes)
            result["does"][user] = {
                "lists": sorted(dag["dag_id"] for dag in client.get("/api/v2/dags", headers=headers).json()["dags"]),
                **{
                    f"{verb} {dag}": _do(client, headers, verb, dag).status_code
                    for dag in ("restore_shop", "restore_billing")
                    for verb in ("triggers", "pauses", "reads the runs of", "reads the code of")
                },
            }
    print(f"\nANSWERS {json.dumps(result)}")


def _do(client: TestClient, headers: dict[str, str], verb: str, dag: str) -> httpx.Response:
    at = f"/api/v2/dags/{dag}"
    method, address, body = {
        "triggers": ("POST", f"{at}/dagRuns", {"logical_date": None}),
        "pauses": ("PATCH", at, {"is_paused": True}),
        "reads the code of": ("GET", f"/api/v2/dagSources/{dag}", None),
        "reads the runs of": ("GET", f"{at}/dagRuns", None),
    }[verb]
    answer: httpx.Response = client.request(method, address, headers=headers, json=body)
    return answer


if __name__ == "__main__":
    main(*sys.argv[1:])
