"""What the tasks of monitor_database do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.configuration import conf
from airflow.sdk import Variable, get_current_context

from pg_deploy.configuration.conf import MonitorConf, checked_conf
from pg_deploy.configuration.duration import format_duration
from pg_deploy.errors import ConnectionFailedError, ConnectionLostError
from pg_deploy.monitor import samples
from pg_deploy.monitor.conclude import conclude
from pg_deploy.monitor.measures import monitor_session
from pg_deploy.monitor.refreshing import refresh_views
from pg_deploy.monitor.take_sample import (
    add_to_sample,
    look_again_at_views,
    read_stale_views,
    read_view_names,
    take_sample,
)
from pg_deploy.monitor.thresholds import Thresholds, read_thresholds
from pg_deploy.monitor.views import MEASURE as VIEWS
from pg_deploy.postgres.session import Target
from pg_deploy.presentation.addresses import database_page
from pg_deploy.projects.project import Project
from pg_deploy.tasks import outside_connections
from pg_deploy.tasks.airflow_versions import AirflowFailException, AirflowSkipException, AirflowTaskTimeout
from pg_deploy.tasks.assets import target_changed
from pg_deploy.tasks.errors import NotMeasuredError, UnknownTargetError
from pg_deploy.tasks.notices import send_notice
from pg_deploy.tasks.run import chosen_conf, contacts_of, failing_plainly, log, project_in, target_of, task_states

MEASURE = "measure"
REFRESH = "refresh_stale_views"
REPORT = "report"
OUTSIDE = "measure_outside"
_WHY = "why"
_REMIND = timedelta(hours=24)
_RED = "something could not be measured: the task report says what"
_MOST_NAMED = 20


def measure(answers_within: timedelta) -> int:
    """As the step `measure`, whose deadline is `answers_within`."""
    context = get_current_context()
    with failing_plainly():
        named = _conf(context).target
        try:
            target = target_of(project_in(context), named)
        except UnknownTargetError:
            if _is_started_by_airflow(context):
                # A schedule must not be red for a target that nobody has set up yet.
                raise AirflowSkipException(f'there is no connection "{named}": nothing to monitor') from None
            raise
        try:
            return take_sample(
                target, _limits(context), context["dag_run"].run_id, log, project=project_in(context).own_files
            )
        except (ConnectionFailedError, ConnectionLostError) as error:
            why = str(error)
        except AirflowTaskTimeout:
            why = f'"{target.name}" did not answer within {format_duration(answers_within.total_seconds())}: look at the server'
        context["ti"].xcom_push(key=_WHY, value=why)
        raise AirflowFailException(why) from None


def measure_outside() -> int:
    """As the step `measure_outside`."""
    context = get_current_context()
    with failing_plainly():
        target, sample_id = _target(context)
        with monitor_session(target) as connection:
            before = samples.read_newest_rows(connection, before=sample_id)
        measured = outside_connections.measure_outside(target.name, before)
        for one in measured:
            log.info(
                "%s: %s", one.measure, one.problem or ", ".join(f"{r.object} {r.value} {r.unit}" for r in one.rows)
            )
        add_to_sample(target, sample_id, measured)
        return len(measured)


def find_stale() -> str | None:
    """As the step `find_stale`."""
    context = get_current_context()
    with failing_plainly():
        states = task_states(context)
        if states.get(MEASURE) == "skipped":
            return None
        if states.get(MEASURE) != "success" or (states.get(REPORT) != "success" and _wanted(context) != "all"):
            raise AirflowFailException(_RED)
        names = _to_refresh(context)
        log.info("to refresh: %s", _listed(names) or "nothing")
        if not names and states.get(REPORT) != "success":
            raise AirflowFailException(_RED)
    return REFRESH if names else None


def refresh_stale_views() -> dict[str, str]:
    """As the step `refresh_stale_views`."""
    context = get_current_context()
    with failing_plainly():
        target, _ = _target(context)
        return refresh_views(target, _limits(context).views, _to_refresh(context), log)


def measure_again() -> int:
    """As the step `measure_again`."""
    context = get_current_context()
    with failing_plainly():
        target, sample_id = _target(context)
        refreshed: dict[str, str] = context["ti"].xcom_pull(task_ids=REFRESH)
        still = look_again_at_views(target, _limits(context), sample_id, refreshed)
        log.info("still stale: %s", _listed(still) or "none")
        if task_states(context).get(REPORT) != "success":
            raise AirflowFailException(_RED)
        return len(still)


def report() -> dict[str, int]:
    """As the step `report`."""
    context = get_current_context()
    with failing_plainly():
        named = _conf(context).target
        states = task_states(context)
        if states.get(MEASURE) == "skipped":
            raise AirflowSkipException("nothing was measured")
        why = context["ti"].xcom_pull(task_ids=MEASURE, key=_WHY)
        if why:
            _target_is_down(named, str(why), context)
            raise NotMeasuredError([str(why)])
        if states.get(MEASURE) != "success":
            raise NotMeasuredError(["the task measure failed"])
        target, sample_id = _target(context)
        _target_is_back(named, context)
        found = conclude(
            target,
            _limits(context),
            sample_id,
            tell=lambda subject, text: send_notice(subject, text, context),
            contacts=contacts_of(project_in(context)),
            log=log,
            link=_page_of(target.name, project_in(context)),
        )
        failed = [f"the task {name} failed" for name in (MEASURE, OUTSIDE) if states.get(name) == "failed"]
        if found.problems or failed:
            raise NotMeasuredError([*found.problems, *failed])
    return {"open": found.open, "started": found.started}


def _down_key(target: str) -> str:
    return f"pg_deploy_monitor_down_{target}"


def _target_is_down(target: str, why: str, context: Any) -> None:
    """One alert for all: what cannot be reached cannot keep its own alerts, so Airflow remembers this one."""
    log.error("ALERT target %s: %s", target, why)
    log.info("  what to do: start the server or mend the network; nothing else was measured")
    if contacts := contacts_of(project_in(context)):
        log.info("  contacts: %s", contacts)
    now = datetime.now(timezone.utc)
    kept = Variable.get(_down_key(target), default=None)
    known = json.loads(kept) if kept else None
    if known and now - datetime.fromisoformat(known["told_at"]) < _REMIND:
        return
    word = "still cannot be reached" if known else "cannot be reached"
    if send_notice(f"{target} {word}", why, context):
        since = known["since"] if known else now.isoformat()
        Variable.set(_down_key(target), json.dumps({"since": since, "told_at": now.isoformat()}))


def _target_is_back(target: str, context: Any) -> None:
    kept = Variable.get(_down_key(target), default=None)
    if kept and send_notice(
        f"{target} can be reached again", f"it was away since {json.loads(kept)['since'][:16]} UTC", context
    ):
        Variable.delete(_down_key(target))


def _conf(context: Any) -> MonitorConf:
    """The conf of the run; after a deployment, about the database that was deployed to."""
    given = checked_conf(MonitorConf, chosen_conf(context))
    asset_events = context.get("triggering_asset_events")
    # In Airflow 3.1 an asset is no key of a plain mapping.
    events = asset_events.get(target_changed(project_in(context)), ()) if asset_events else ()
    targets = [event.extra["target"] for event in events if "target" in (event.extra or {})]
    return given.model_copy(update={"target": targets[-1]}) if targets else given


def _limits(context: Any) -> Thresholds:
    project = project_in(context)
    return read_thresholds(project.thresholds, _conf(context).thresholds, project=project.own_files)


def _is_started_by_airflow(context: Any) -> bool:
    """Whether no person asked for this run."""
    run_type = context["dag_run"].run_type
    return str(getattr(run_type, "value", run_type)) in ("scheduled", "asset_triggered")


def _target(context: Any) -> tuple[Target, int]:
    return target_of(project_in(context), _conf(context).target), int(context["ti"].xcom_pull(task_ids=MEASURE))


def _page_of(target: str, project: Project) -> str:
    """The address of the target's page, if Airflow knows its own."""
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    return base + database_page(target, project.name) if base.startswith("http") else ""


def _wanted(context: Any) -> str:
    """What is to be refreshed: what the run's conf says, else what the limits' file says."""
    chosen = _conf(context).refresh
    return chosen if chosen != "none" else _limits(context).views.refresh


def _to_refresh(context: Any) -> tuple[str, ...]:
    target, sample_id = _target(context)
    wanted = _wanted(context)
    if wanted == "none":
        return ()
    if wanted == "all":
        return read_view_names(target)
    limits = _limits(context)
    view_limits = limits.of(VIEWS)
    return tuple(
        name
        for name in read_stale_views(target, sample_id)
        if not view_limits.ignores(name) and not limits.views.is_refreshed_elsewhere(name)
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + (
        f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    )
