"""What makes the clone for `rehearse: clone`: an Airflow connection to a service, a command, or nothing of ours."""

from __future__ import annotations

import shlex

from airflow.sdk import Connection as AirflowConnection
from psycopg.conninfo import conninfo_to_dict

from pg_deploy.backup.readiness import CloneWay
from pg_deploy.configuration.backup import OWN_CLONE, clone_wait
from pg_deploy.configuration.errors import InvalidSettingError
from pg_deploy.errors import PgDeployError
from pg_deploy.ledger.kinds.clone import clones_of
from pg_deploy.postgres.session import Target
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.projects.project import Project
from pg_deploy.rehearsal.clones.command import Command
from pg_deploy.rehearsal.clones.made_clone import remove_clones_left
from pg_deploy.rehearsal.clones.neon import URL, Neon
from pg_deploy.rehearsal.clones.service import CloneService, Patience
from pg_deploy.tasks.errors import NoCloneError
from pg_deploy.tasks.outside_connections import find_connection, http_url
from pg_deploy.tasks.run import Run, log

REHEARSAL_CONNECTION = "rehearsal_db"
_TOKEN = "PG_DEPLOY_CLONE_TOKEN"


def patience() -> Patience:
    """How long a service is waited for."""
    return Patience(ready_s=clone_wait())


def clone_service(project: Project, target: Target) -> CloneService | None:
    """What makes clones of this target for the project; None if a person does. Raises InvalidSettingError."""
    written = project.clone_maker
    if written is None:
        return None
    setting = _setting(project)
    if written.startswith("/"):
        return _command(written, target, setting, "")
    found = find_connection(written)
    if found is None:
        # Somebody may have put a URL, with its password, where a name belongs.
        raise InvalidSettingError(
            setting, without_secrets(written), "an Airflow connection that exists, or a command that begins with /"
        )
    provider = found.extra_dejson.get("provider")
    if provider == "neon":
        return _neon(found, written, target, setting)
    if provider == "command":
        return _command(str(found.extra_dejson.get("command", "")), target, setting, found.password or "")
    raise InvalidSettingError(setting, written, 'an Airflow connection whose extra has "provider": neon or command')


def clone_way(project: Project, target: Target) -> CloneWay:
    """How a clone of this target would be had. Never raises, and asks no service."""
    try:
        clone_wait()
        service = clone_service(project, target)
    except PgDeployError as error:
        return CloneWay(fault=error)
    if service is not None:
        return CloneWay(f"yes, {service.label} makes one for each run and removes it")
    if find_connection(REHEARSAL_CONNECTION) is None:
        return CloneWay(fault=NoCloneError(REHEARSAL_CONNECTION, _setting(project)))
    return CloneWay(
        f"yes, on the connection {REHEARSAL_CONNECTION}, if somebody has just made that clone of the target"
    )


def remove_clones_of(run: Run) -> tuple[str, ...]:
    """Remove what the run's own rehearsals left, such as one that was killed; a sentence for each that is still there.

    Never raises: a report has more to say than this.
    """
    if run.conf.rehearse != "clone" or run.ownership is None:
        return ()
    try:
        with run.target.session("clones") as connection:
            if not any(clone.is_there for clone in clones_of(connection, run.deployment_id)):
                return ()
            service = clone_service(run.project, run.target)
            if service is not None:
                remove_clones_left(connection, service, patience(), log, of=run.deployment_id)
            left = [clone for clone in clones_of(connection, run.deployment_id) if clone.is_there]
    except PgDeployError as error:
        log.error("%s", error)
        return (f"whether a clone is left over cannot be told: {error}",)
    return tuple(f"{clone.name} ({clone.id or 'no id known'}) of {clone.service}: {clone.said}" for clone in left)


def _setting(project: Project) -> str:
    return f"clone of the project {project.name}" if project.name else OWN_CLONE


def _neon(found: AirflowConnection, name: str, target: Target, setting: str) -> Neon:
    extra, here = found.extra_dejson, conninfo_to_dict(target.conninfo)
    project, database, role = extra.get("project"), extra.get("database"), extra.get("role")
    if not project or not found.password:
        raise InvalidSettingError(
            setting, name, 'an Airflow connection with "project" in its extra and the API key of Neon as its password'
        )
    return Neon(
        http_url(found) if found.host else URL,
        found.password,
        str(project),
        str(database or here.get("dbname") or ""),
        str(role or here.get("user") or ""),
        str(extra.get("branch") or ""),
        name,
    )


def _command(written: str, target: Target, setting: str, token: str) -> Command:
    try:
        words = shlex.split(written)
    except ValueError:
        words = []
    if not words or not words[0].startswith("/"):
        raise InvalidSettingError(setting, without_secrets(written), "a command that begins with /")
    return Command(tuple(words), target, log, {_TOKEN: token} if token else {})
