"""Two projects in one Airflow: the overview, and who sees what. Users with rights to one project are FAB's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from demo import cluster
from tests.dags.projects import FIRST
from tests.looking import Database
from tests.ui.conftest import PROJECT, Site, Visit, serious_violations, started_site

Open = Callable[..., Visit]
ROLE = {"shop": "shop_team", "billing": "billing_team"}
WORDS = {"shop": re.compile(r"shop|goods", re.IGNORECASE), "billing": re.compile(r"billing|invoice", re.IGNORECASE)}
"""By these words an answer tells of a project."""

GENERAL = "databases_deploy"
"""The role that docs/projects.md gives to everybody beside the project's own."""


@dataclass
class Teams:
    """An Airflow with two projects, each deployed, watched and failed once. User ann is of the shop, bob of billing, cleo of neither."""

    site: Site
    folder: Path
    runs: dict[str, list[str]] = field(default_factory=dict)
    """The runs of each DAG."""


def _fab(site: Site, path: str, body: Mapping[str, object]) -> None:
    headers = {"Authorization": f"Bearer {site.token('admin')}"}
    made = httpx.post(f"{site.url}/auth/fab/v1{path}", json=body, headers=headers, timeout=60)
    assert made.is_success, made.text


@pytest.fixture(scope="module")
def teams(tmp_path_factory: pytest.TempPathFactory, demo_cluster: cluster.Cluster) -> Iterator[Teams]:
    """The projects and their users."""
    folder = tmp_path_factory.mktemp("teams") / "dags"
    databases = {name: f"ui_{name}_{tmp_path_factory.getbasetemp().name[-4:].replace('-', '_')}" for name in FIRST}
    urls = {name: cluster.empty(demo_cluster, database) for name, database in databases.items()}
    for url in urls.values():
        Database(url).give_nothing_new_to_the_api()
    home = tmp_path_factory.mktemp("fab")
    manager = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
    with started_site(home, CORE__AUTH_MANAGER=manager, FAB__AUTH_RATE_LIMITED="False") as site:
        site.do("admin")
        listed = json.loads((PROJECT / "deploy" / "airflow" / "roles.json").read_text(encoding="utf-8"))
        general = [
            {"action": {"name": action}, "resource": {"name": each["resource"]}}
            for each in listed
            if each["name"] == GENERAL
            for action in each["action"].split(",")
        ]
        _fab(site, "/roles", {"name": GENERAL, "actions": general})
        for role in ROLE.values():
            _fab(site, "/roles", {"name": role, "actions": []})
        for user, roles in (
            ("ann", [GENERAL, ROLE["shop"]]),
            ("bob", [GENERAL, ROLE["billing"]]),
            ("cleo", [GENERAL]),
        ):
            body = {
                "username": user,
                "email": f"{user}@localhost",
                "first_name": user,
                "last_name": "X",
                "password": user,
            }
            _fab(site, "/users", {**body, "roles": [{"name": role} for role in roles]})
        for name, url in urls.items():
            site.do("connection", name=f"{name}_db", url=url)
        settings = {name: {"roles": {ROLE[name]: "deploy"}, "schedule": None} for name in FIRST}
        site.do("projects", folder=str(folder), urls=urls, settings=settings)
        made = Teams(site, folder)
        for name in FIRST:
            for kind in ("deploy", "monitor"):
                run, state = site.do("project_run", folder=str(folder), dag_id=f"{kind}_{name}", conf={})
                assert state == "success", (kind, name, (home / "world.log").read_text()[-3000:])
                made.runs.setdefault(f"{kind}_{name}", []).append(run)
        yield made
    for database in databases.values():
        cluster.drop(demo_cluster, database)


def _tells(text: str, project: str, asked: str = "") -> str:
    """Where an answer tells of a project, beyond what was asked; empty if it does not."""
    for word in sorted({part for part in re.split(r"[/?&=]", asked) if part}, key=len, reverse=True):
        for spelling in {word, httpx.URL(f"http://x/{word}").path[1:]}:
            text = text.replace(spelling, "")
    found = WORDS[project].search(text)
    return text[max(0, found.start() - 80) : found.end() + 80] if found else ""


def _pages_of(teams: Teams, project: str) -> list[str]:
    run = f"/pg-deploy/runs/deploy_{project}/{quote(teams.runs[f'deploy_{project}'][0])}"
    monitored = f"/pg-deploy/runs/monitor_{project}/{quote(teams.runs[f'monitor_{project}'][0])}"
    named = f"project={project}&target={project}_db"
    return [
        *(run + part for part in ("", "/live", "/report.html", "/report.md")),
        monitored,
        *(f"/pg-deploy/{page}?{named}" for page in ("database", "database/series", "metrics")),
        *(f"/pg-deploy/{page}?target={project}_db" for page in ("database", "database/series", "metrics")),
    ]


@pytest.mark.acceptance
def test_a_user_of_one_project_sees_nothing_of_the_other_on_our_pages(teams: Teams) -> None:
    """Else the database, the migrations and the trouble of one team are read by every other."""
    site = teams.site
    for user, own, other in (("ann", "shop", "billing"), ("bob", "billing", "shop")):
        for path in _pages_of(teams, own):
            answer = site.get(path, user=user)
            assert answer.status_code == 200, (user, path, answer.text[:300])
            assert not _tells(answer.text, other), (user, path)
        for path in _pages_of(teams, other):
            answer = site.get(path, user=user)
            assert answer.status_code in (403, 404), (user, path)
            assert not _tells(answer.text, other, path), (user, path)
        for path in ("database", "database/series", "projects", "metrics"):
            answer = site.get(f"/pg-deploy/{path}", user=user)
            assert answer.status_code == 200, (user, path, answer.text[:300])
            assert not _tells(answer.text, other), (user, path)
            assert path.endswith("series") or _tells(answer.text, own), (user, path)
        unknown = site.get("/pg-deploy/database?project=nowhere", user=user)
        known = site.get(f"/pg-deploy/database?project={other}", user=user)
        assert (unknown.status_code, unknown.text) == (known.status_code, known.text), (
            "it tells which projects there are"
        )
    everything = [path for project in FIRST for path in _pages_of(teams, project)]
    for path in (*everything, "/pg-deploy/projects", "/pg-deploy/database", "/pg-deploy/metrics"):
        assert site.get(path, user="cleo").status_code in (403, 404), path
        assert site.get(path, user=None).status_code in (401, 403), path


_WALKED: dict[str, dict[str, object] | None] = {"GET": None, "POST": {}, "PUT": {}, "PATCH": {}, "DELETE": None}
# What these routes want is judged before who asks.
_BODIES: dict[tuple[str, str], dict[str, object]] = {
    ("PATCH", "/dagRuns"): {"actions": [{"action": "delete", "entities": ["none"]}]},
    ("POST", "/clearDagRuns"): {"dag_runs": [{"dag_run_id": "none"}]},
}
# What changes the user's own session, or what waits for more to come.
_LEFT_OUT = re.compile(r"/auth/(logout|token|login)|/users|/roles|/wait$|/execution/|/assets/materialize")


def _filled(path: str, teams: Teams, project: str, kind: str) -> str:
    dag = f"{kind}_{project}"
    task = {"deploy": "preflight", "monitor": "measure"}[kind]
    known = {
        "dag_id": dag, "dag_run_id": teams.runs[dag][0], "run_id": teams.runs[dag][0], "task_id": task, "map_index": "-1",
        "try_number": "1", "task_try_number": "1", "xcom_key": "return_value", "version_number": "1", "dag_version": "1",
        "pool_name": "default_pool",
        "connection_id": f"{project}_db", "variable_key": f"{project}_db", "bundle_name": "dags-folder", "name": "pages.css",
    }  # fmt: skip
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: quote(known.get(found[1], "1"), safe=""), path)


@pytest.mark.acceptance
def test_a_user_of_one_project_sees_nothing_of_the_other_on_any_route_of_airflow(teams: Teams) -> None:
    """Else the rights that docs/projects.md promises are only those of the pages."""
    site = teams.site
    described = site.get("/openapi.json").json()["paths"]
    routes = {
        (method.upper(), path) for path, methods in described.items() for method in methods if method.upper() in _WALKED
    }
    routes |= {(method, path) for method, path in site.do("routes") if method in _WALKED}
    routes = {each for each in routes if not _LEFT_OUT.search(each[1])}
    assert len(routes) > 150
    seen_by_owner, leaks = set(), []
    clients = {user: _client(site, user) for user in ("ann", "bob")}
    before = _state(site)
    for method, path in sorted(routes):
        for user, own, other in (("ann", "shop", "billing"), ("bob", "billing", "shop")):
            asked = {_filled(path, teams, other, kind) for kind in ("deploy", "monitor")}
            asked |= {re.sub(r"\{\w+\}", "~", path)} if "{dag_id}" in path else set()
            if path.endswith("/ui/dependencies"):
                asked |= {f"{path}?dependency_type=data&node_id=asset:{number}" for number in range(1, 5)}
            if method == "GET":
                asked |= {
                    f"{each}?dag_id=deploy_{other}&dag_ids=deploy_{other}&dag_id_pattern=%25&limit=100"
                    for each in set(asked)
                    if "?" not in each
                }
            for each in sorted(asked):
                body = _BODIES.get((method, path.rpartition("}")[2]), _WALKED[method])
                answer = clients[user].request(method, each, json=body)
                if told := _tells(answer.text, other, each):
                    leaks.append(f"{user} {method} {each}: {answer.status_code}: {told}")
                if (
                    method != "GET"
                    and "{dag_id}" in path
                    and "~" not in each
                    and answer.status_code not in (401, 403, 404, 405)
                ):
                    leaks.append(f"{user} {method} {each}: {answer.status_code} {answer.text[:200]}")
            if method == "GET":
                for kind in ("deploy", "monitor"):
                    mine = clients[user].get(_filled(path, teams, own, kind))
                    if mine.status_code == 200 and _tells(mine.text, own):
                        seen_by_owner.add(path)
                    if told := _tells(mine.text, other):
                        leaks.append(f"{user} GET {path} of {own}: {told}")
    assert _state(site) == before, "somebody changed what is not theirs"
    assert len(seen_by_owner) > 25, sorted(seen_by_owner)
    assert not leaks, "\n".join(leaks)


_LEAN = {"backup": "none", "rehearse": "none", "approval": "none"}


def _client(site: Site, user: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {site.token(user)}"}
    return httpx.Client(base_url=site.url, headers=headers, timeout=60, trust_env=False, follow_redirects=False)


def _state(site: Site) -> list[Any]:
    """What a write could change: the runs and the DAGs of both projects, as an administrator sees them."""
    told: list[Any] = []
    for kind in ("deploy", "monitor"):
        for project in FIRST:
            told.append(site.get(f"/api/v2/dags/{kind}_{project}").json().get("is_paused"))
            runs = site.get(f"/api/v2/dags/{kind}_{project}/dagRuns").json()["dag_runs"]
            told.append([(run["dag_run_id"], run["state"], run["note"]) for run in runs])
    return told


@pytest.fixture(scope="module")
def worst_first(site: Site, demo_cluster: cluster.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two projects for a user who may read both: the shop is well, billing's database cannot be reached."""
    database = "ui_overview_shop"
    url = cluster.empty(demo_cluster, database)
    nowhere = "postgresql://nobody:secret-word@127.0.0.1:1/nowhere"
    urls = {"shop": url, "billing": nowhere}
    for name, each in urls.items():
        site.do("connection", name=f"{name}_db", url=each)
    folder = str(tmp_path_factory.mktemp("overview") / "dags")
    site.do("projects", folder=folder, urls=urls, settings={})
    (migration,) = (Path(folder) / "shop").glob("*.sql")
    # This database is like Supabase's: a new table is open to the API there.
    migration.write_text(
        f"{migration.read_text()}revoke all on all tables in schema public from anon, authenticated;\n"
    )
    try:
        _, state = site.do("project_run", folder=folder, dag_id="deploy_shop", conf=_LEAN)
        assert state == "success"
        yield site
    finally:
        # Of several projects the other tests' pages would show the list first.
        site.do("forget_projects")
        cluster.drop(demo_cluster, database)


@pytest.mark.acceptance
def test_the_overview_lists_the_worst_first_and_each_line_leads_to_its_database(worst_first: Site, visit: Open) -> None:
    """Whoever is responsible for thirty databases looks at the first line only."""
    window = visit()
    page = window.open("/pg-deploy/projects")
    lines = page.locator("tbody tr").all_inner_texts()
    assert [line.split()[0] for line in lines if line.split()[0] in FIRST] == ["billing", "shop"]
    assert "not readable" in next(line for line in lines if line.startswith("billing"))
    assert "secret-word" not in page.content()
    assert serious_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("link", name="shop_db").click()
    page.wait_for_url("**project=shop**")
    assert page.locator("section[aria-labelledby=deployments] tbody tr").count() == 1
    assert "make goods" in page.content() or "make_goods" in page.content()
    assert serious_violations(page) == []
