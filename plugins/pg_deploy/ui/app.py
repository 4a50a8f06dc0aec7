"""The web app of the pages, which Airflow mounts. Every page asks for an Airflow user who may read the DAGs that it shows."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user, requires_access_dag, requires_authenticated
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials

from pg_deploy.errors import PgDeployError
from pg_deploy.presentation.addresses import PREFIX
from pg_deploy.ui import database_page, numbers
from pg_deploy.ui.airflow_side import DEPLOY, MONITOR, ROLLBACK, base_path, named_targets, origin, read_run, run_path
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
may_read_database = [Depends(_may_read_runs_of(dag_id)) for dag_id in (DEPLOY, ROLLBACK, MONITOR)]


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
    pages_for_users.get("/database", dependencies=may_read_database, response_class=HTMLResponse)(database)
    pages_for_users.get("/database/series", dependencies=may_read_database)(database_series)
    app.include_router(pages_for_users)
    app.get("/metrics", dependencies=[Depends(may_scrape)])(metrics)
    return app


async def may_scrape(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]
) -> None:
    """Let in a scraper with the installation's token, and a user who may read the DAGs that the numbers are about.

    Raises an HTTPException for everybody else.
    """
    if numbers.is_scraper(request.headers.get("Authorization")):
        return
    user = await get_user(request, None, bearer)
    for dag_id in (DEPLOY, ROLLBACK, MONITOR):
        await run_in_threadpool(_may_read_runs_of(dag_id), request, user)


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


def database(
    target: Chosen = None, hours: Hours = 168, before: Annotated[int | None, Query(ge=1)] = None
) -> HTMLResponse:
    """The Database page in the navigation."""
    known = named_targets()
    name = _known(target, known)
    page = database_page.read(name, before=before)
    text = (
        html_environment()
        .get_template("database.html")
        .render(
            page=page,
            targets=known,
            hours=hours,
            ranges=database_page.RANGES,
            base=base_path(),
            pages=f"{base_path()}{PREFIX}",
            run_path=run_path,
        )
    )
    return HTMLResponse(text)


def database_series(target: Chosen = None, hours: Hours = 168) -> JSONResponse:
    """The figures of that page's charts."""
    return JSONResponse(database_page.series(_known(target, named_targets()), hours))


def metrics(target: Chosen = None) -> Response:
    """What the monitor knows about a target, in OpenMetrics' text format."""
    try:
        text = numbers.expose(_known(target, named_targets()))
    except PgDeployError as error:
        # A scraper looks at the status alone to tell whether a target is down.
        raise HTTPException(503, str(error)) from None
    return Response(text, media_type=numbers.CONTENT_TYPE)


def _known(target: str | None, known: tuple[str, ...]) -> str:
    if target is not None and target not in known:
        raise HTTPException(404, "no run of ours ever named that target: deploy to it or monitor it first")
    return target or known[0]


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
