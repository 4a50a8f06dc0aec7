"""The web app of the pages, which Airflow mounts. Every page asks for an Airflow user who may read the DAGs that it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    bearer_scheme,
    get_user,
    requires_access_dag,
    requires_authenticated,
)
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.security import HTTPAuthorizationCredentials

from pg_deploy.errors import PgDeployError
from pg_deploy.presentation.addresses import PREFIX
from pg_deploy.ui import database_page, numbers
from pg_deploy.ui.airflow_side import base_path, origin, read_run, run_path, targets_of
from pg_deploy.ui.overview import read_overview
from pg_deploy.ui.projects import KnownProject, known_projects
from pg_deploy.ui.rendering import STATIC, html_environment, markdown_environment, static_text
from pg_deploy.ui.run_page import RunPage, read_run_page

# Nothing comes from another machine, and no script but ours runs. Style attributes are allowed: they carry the widths of bars.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
)
_STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def _may_read_runs_of(dag_id: str) -> Callable[..., None]:
    """Airflow's own question whether a user may read the runs of that DAG, whatever the path of the request says."""
    if "param_dag_id" in signature(requires_access_dag).parameters:
        return requires_access_dag("GET", DagAccessEntity.RUN, dag_id)

    # The first patches of Airflow 3.1 ask about the DAG of the path alone.
    def ask(request: Request, user: Annotated[Any, Depends(get_user)]) -> None:
        named = Request({**request.scope, "path_params": {"dag_id": dag_id}})
        requires_access_dag("GET", DagAccessEntity.RUN)(named, user)

    return ask


may_read_run = Depends(requires_access_dag("GET", DagAccessEntity.RUN))
_NOT_YOURS = "there is no such project, or you may not read its DAGs"


def make_app() -> FastAPI:
    """The app with all its routes. Serves nothing to somebody who is not logged in, except the numbers to a scraper with a token."""
    app = FastAPI(
        title="pg_deploy",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.middleware("http")(_harden)
    pages_for_users = APIRouter(dependencies=[Depends(requires_authenticated())])
    pages_for_users.get("/static/{name:path}")(static)
    for path, page in (("", run_page), ("/live", run_live), ("/report.html", run_report), ("/report.md", run_markdown)):
        pages_for_users.get(
            f"/runs/{{dag_id}}/{{run_id}}{path}", dependencies=[may_read_run], response_class=HTMLResponse
        )(page)
    pages_for_users.get("/database", response_class=HTMLResponse)(database)
    pages_for_users.get("/database/series")(database_series)
    pages_for_users.get("/projects", response_class=HTMLResponse)(overview)
    app.include_router(pages_for_users)
    app.get("/metrics")(metrics)
    return app


def readable_projects(request: Request, user: GetUserDep) -> tuple[KnownProject, ...]:
    """The projects whose runs of the three DAGs that the pages are about this user may read."""
    return tuple(project for project in known_projects() if _may_read(project, request, user))


def _may_read(project: KnownProject, request: Request, user: BaseUser) -> bool:
    for dag_id in (project.dags.deploy, project.dags.rollback, project.dags.monitor):
        try:
            _may_read_runs_of(dag_id)(request, user)
        except HTTPException:
            return False
    return True


async def scraped_projects(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]
) -> tuple[KnownProject, ...]:
    """All projects for a scraper with the installation's token, else those that the user may read.

    Raises an HTTPException for somebody who is not logged in.
    """
    if numbers.is_scraper(request.headers.get("Authorization")):
        return await run_in_threadpool(known_projects)
    user = await get_user(request, None, bearer)
    return await run_in_threadpool(readable_projects, request, user)


Readable = Annotated[tuple[KnownProject, ...], Depends(readable_projects)]
Scraped = Annotated[tuple[KnownProject, ...], Depends(scraped_projects)]


async def _harden(request: Request, call_next: Callable[[Request], Any]) -> Response:
    """Add the headers that protect a page to every answer."""
    answer: Response = await call_next(request)
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def static(name: str) -> Response:
    """One of the pages' own files: style, script or chart library."""
    path = (STATIC / name).resolve()
    if not path.is_relative_to(STATIC) or path.suffix not in _STATIC_TYPES or not path.is_file():
        raise HTTPException(404, "there is no such file")
    return FileResponse(path, media_type=_STATIC_TYPES[path.suffix], headers={"Cache-Control": "private, max-age=300"})


def run_page(dag_id: str, run_id: str) -> HTMLResponse:
    """The Deployment tab of a run."""
    return HTMLResponse(_html("run.html", _page(dag_id, run_id)))


def run_live(dag_id: str, run_id: str) -> HTMLResponse:
    """The part of that tab that changes while the run goes on."""
    return HTMLResponse(_html("run_body.html", _page(dag_id, run_id)))


def run_report(dag_id: str, run_id: str) -> HTMLResponse:
    """The tab as one HTML file that needs nothing else, to be kept as evidence."""
    page = _page(dag_id, run_id)
    text = _html("report.html", page, style=static_text("pages.css"), origin=origin(), standalone=True)
    return HTMLResponse(text, headers=_as_file(page, "html"))


def run_markdown(dag_id: str, run_id: str) -> PlainTextResponse:
    """The tab as Markdown, to be committed with a project's own documents."""
    page = _page(dag_id, run_id)
    text = (
        markdown_environment()
        .get_template("report.md")
        .render(page=page, run=page.run, view=page.view, origin=origin())
    )
    return PlainTextResponse(text, media_type="text/markdown; charset=utf-8", headers=_as_file(page, "md"))


Chosen = Annotated[str | None, Query(max_length=250)]
Hours = Annotated[int, Query(ge=1, le=24 * 93)]


def overview(projects: Readable) -> HTMLResponse:
    """All projects that the user may read, the worst first."""
    if not projects:
        raise HTTPException(403, _NOT_YOURS)
    text = (
        html_environment()
        .get_template("projects.html")
        .render(overview=read_overview(projects), base=base_path(), pages=f"{base_path()}{PREFIX}", run_path=run_path)
    )
    return HTMLResponse(text)


def database(
    projects: Readable,
    project: Chosen = None,
    target: Chosen = None,
    hours: Hours = 168,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """The Database page in the navigation; who may read several projects and names none sees all of them first."""
    if len(projects) > 1 and project is None and target is None:
        return RedirectResponse(f"{base_path()}{PREFIX}/projects")
    chosen, name = _chosen(projects, project, target)
    page = database_page.read_page(chosen, name, before=before)
    text = (
        html_environment()
        .get_template("database.html")
        .render(
            page=page,
            targets=targets_of(chosen),
            several=len(projects) > 1,
            hours=hours,
            ranges=database_page.RANGES,
            base=base_path(),
            pages=f"{base_path()}{PREFIX}",
            run_path=run_path,
        )
    )
    return HTMLResponse(text)


def database_series(
    projects: Readable, project: Chosen = None, target: Chosen = None, hours: Hours = 168
) -> JSONResponse:
    """The figures of that page's charts."""
    return JSONResponse(database_page.read_charts(*_chosen(projects, project, target), hours))


def metrics(projects: Scraped, project: Chosen = None, target: Chosen = None) -> Response:
    """What the monitor knows about a target, in OpenMetrics' text format."""
    try:
        text = numbers.expose(*_chosen(projects, project, target))
    except PgDeployError as error:
        # A scraper looks at the status alone to tell whether a target is down.
        raise HTTPException(503, str(error)) from None
    return Response(text, media_type=numbers.CONTENT_TYPE)


def _chosen(projects: Sequence[KnownProject], project: str | None, target: str | None) -> tuple[KnownProject, str]:
    """The project and the target that a request names, or the first that it may see. Raises an HTTPException."""
    mine = [each for each in projects if project is None or each.name == project]
    if not mine:
        raise HTTPException(403, _NOT_YOURS)
    for each in mine:
        known = targets_of(each)
        if target is None or target in known:
            return each, target or known[0]
    raise HTTPException(404, "no run of ours ever named that target: deploy to it or monitor it first")


def _page(dag_id: str, run_id: str) -> RunPage:
    run = read_run(dag_id, run_id)
    if run is None:
        raise HTTPException(404, "there is no such run")
    return read_run_page(run)


def _html(name: str, page: RunPage, **more: object) -> str:
    return (
        html_environment()
        .get_template(name)
        .render(
            page=page,
            run=page.run,
            view=page.view,
            base=base_path(),
            pages=f"{base_path()}{PREFIX}",
            run_path=run_path,
            **{"origin": "", "standalone": False, **more},
        )
    )


def _as_file(page: RunPage, suffix: str) -> dict[str, str]:
    number = f"-{page.view.deployment.id}" if page.view else ""
    plain = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in page.run.target)
    return {"Content-Disposition": f'attachment; filename="deployment{number}-{plain}.{suffix}"'}
