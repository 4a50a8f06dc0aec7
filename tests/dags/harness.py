"""Whole DAG runs in this process: the real DAG file, a real Airflow metadata database, a real PostgreSQL."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, SupportsIndex

PROJECT = Path(__file__).resolve().parents[2]
CONNECTION = "AIRFLOW_CONN_TARGET_DB"

# `dag.test()` pauses for a second whenever no task can start; nothing happens meanwhile.
_AIRFLOW_PAUSE_S = 0.01
_PAUSING = "airflow.sdk.definitions.dag"
_CODE = r"the code of this text is (\w+)"


@dataclass
class Result:
    """How a run ended: its state, each task's state by id, and all that the engine logged, in order."""

    state: str
    tasks: dict[str, str]
    log: list[str] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    """The level of each line of `log`."""

    @property
    def text(self) -> str:
        """The log as one text."""
        return "\n".join(self.log)

    @property
    def notices(self) -> list[str]:
        """What the run told a person."""
        return [line for line in self.log if line.startswith("notice: ")]

    def group(self, stem: str) -> dict[str, str]:
        """The states of one migration's tasks, by verb."""
        prefix = f"{stem}."
        return {name.removeprefix(prefix): state for name, state in self.tasks.items() if name.startswith(prefix)}


class _Collector(logging.Handler):
    def __init__(self, lines: list[str], levels: list[int]) -> None:
        super().__init__(logging.INFO)
        self.lines = lines
        self.levels = levels

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self.levels.append(record.levelno)


def run_dag(
    dag_id: str,
    url: str,
    folder: Path,
    conf: Mapping[str, Any] | None = None,
    *,
    answer: str | Callable[[Any, Any], None] | None = None,
    answered_by: str = "tester",
    during: Callable[[], object] | None = None,
    when: str | None = None,
    extra: Mapping[str, object] | None = None,
    after_parsing: Callable[[], None] | None = None,
) -> Result:
    """Run the DAG to its end and return what happened.

    `answer` (Approve or Reject) is given by `answered_by` to every approval that waits; without it, a waiting approval fails
    the test. A function is called with the waiting task instance and a session of the metadata: it does what a person does
    instead of answering. `during` is called once, when a line that matches the pattern `when` is logged: it does what somebody
    else does meanwhile. `extra` is the target connection's extra. `after_parsing` is called when the DAG is loaded, before it
    runs: a scheduler parses the file anew for each task, so the tasks may stand for other files than those that preflight sees.
    """
    os.environ["MIGRATIONS_DIR"] = str(folder)
    os.environ[CONNECTION] = airflow_connection(url, extra)
    # Loaded anew for each run: dag.test() writes the run's conf into the DAG object.
    dag = load_dags(PROJECT / "dags" / f"{dag_id}.py").dags[dag_id]
    if after_parsing:
        after_parsing()
    lean = {**_any_folder(dag), **_lean(dag_id), **(conf or {})}
    return run_loaded(dag, lean, answer=answer, answered_by=answered_by, during=during, when=when)


def load_dags(path: Path) -> Any:
    """The bag of the DAGs of that file. Fails if the file has an import error."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(path), bundle_name="dags-folder")
    if bag.import_errors:
        raise AssertionError(bag.import_errors)
    return bag


def run_loaded(
    dag: Any,
    conf: Mapping[str, Any],
    *,
    answer: str | Callable[[Any, Any], None] | None = None,
    answered_by: str = "tester",
    during: Callable[[], object] | None = None,
    when: str | None = None,
    marked: str | None = None,
) -> Result:
    """As `run_dag`, of a DAG that is loaded. Tasks whose ids match the pattern `marked` are marked as done, and do not run."""
    lines: list[str] = []
    levels: list[int] = []
    interrupter = _Interrupter(when, during) if during and when else None
    engine = logging.getLogger("pg_deploy")
    handlers = [_Collector(lines, levels), *([interrupter] if interrupter else [])]
    for handler in handlers:
        engine.addHandler(handler)
    try:
        with _short_pauses(lambda: _answer_all(answer, answered_by, lines)):
            run = dag.test(run_conf=dict(conf), mark_success_pattern=marked)
    finally:
        for handler in handlers:
            engine.removeHandler(handler)
    if interrupter and interrupter.error:
        raise interrupter.error
    if interrupter and not interrupter.done:
        raise AssertionError(f'nothing was logged that matches "{when}"')
    tasks = {ti.task_id: str(getattr(ti.state, "value", ti.state)) for ti in run.get_task_instances()}
    return Result(str(getattr(run.state, "value", run.state)), tasks, lines, levels)


def _any_folder(dag: Any) -> dict[str, None]:
    """A run takes the folder of the test, whatever the form said when it was parsed."""
    return {"migrations_folder": None} if "migrations_folder" in dag.params else {}


def _lean(dag_id: str) -> dict[str, str]:
    """Most tests are about the target: backup and rehearsal have tests of their own."""
    return {"backup": "none", "rehearse": "none"} if dag_id == "deploy_migrations" else {}


def airflow_connection(url: str, extra: Mapping[str, object] | None = None) -> str:
    """A PostgreSQL URL as Airflow reads a connection from the environment."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": parts["host"],
            "port": int(str(parts["port"])),
            "login": parts["user"],
            "password": parts["password"],
            "schema": parts["dbname"],
            "extra": dict(extra or {}),
        }
    )


class _Interrupter(logging.Handler):
    def __init__(self, when: str, during: Callable[[], object]) -> None:
        super().__init__(logging.INFO)
        self.when = when
        self.during = during
        self.done = False
        self.error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if not self.done and re.search(self.when, record.getMessage()):
            self.done = True
            try:
                self.during()
            except BaseException as error:
                self.error = error


@contextmanager
def _short_pauses(meanwhile: Callable[[], None]) -> Iterator[None]:
    """Shorten the pauses of `dag.test()` and no others; `meanwhile` is called in each, as the world outside the run."""
    sleep = time.sleep

    def pause(seconds: float | SupportsIndex) -> None:
        if sys._getframe(1).f_globals.get("__name__") == _PAUSING:
            meanwhile()
            seconds = min(float(seconds), _AIRFLOW_PAUSE_S)
        sleep(seconds)

    time.sleep = pause
    try:
        yield
    finally:
        time.sleep = sleep


def _answer_all(answer: str | Callable[[Any, Any], None] | None, by: str, lines: Sequence[str]) -> None:
    """Answer every waiting approval as the API's PATCH …/hitlDetails does: write the response and let the task go on.

    Who answers has read the log: the answer carries the code of the text that was asked about last.
    """
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    with create_session() as session:
        waiting = session.scalars(
            select(TaskInstance).where(TaskInstance.state == TaskInstanceState.AWAITING_INPUT)
        ).all()
        for instance in waiting:
            if answer is None:
                raise AssertionError(f"{instance.task_id} waits for a person, and the test has no answer")
            if callable(answer):
                answer(instance, session)
                continue
            answer_one(instance, session, answer, by, code=re.findall(_CODE, "\n".join(lines))[-1])


def answer_one(instance: Any, session: Any, answer: str, by: str, *, code: str = "") -> None:
    """Answer one approval that waits, by the code of its text, or as the API does if it is told nothing."""
    from airflow.models.hitl import HITLDetail
    from airflow.models.trigger import handle_event_submit
    from airflow.sdk.timezone import utcnow
    from airflow.triggers.base import TriggerEvent
    from sqlalchemy import select

    from pg_deploy.tasks.approval_steps import TEXT_CODE

    detail = session.scalars(select(HITLDetail).where(HITLDetail.ti_id == instance.id)).one()
    detail.chosen_options = [answer]
    detail.params_input = {TEXT_CODE: code} if code else {}
    detail.responded_at = utcnow()
    detail.responded_by = {"id": "1", "name": by}
    session.flush()
    event = TriggerEvent(detail.as_resume_event_payload())  # type: ignore[no-untyped-call]
    handle_event_submit(event, task_instance=instance, session=session)
