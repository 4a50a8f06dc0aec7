"""Whole DAG runs in this process: the real DAG file, a real Airflow metadata database, a real PostgreSQL."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]


@dataclass
class Result:
    """How a run ended: its state, each task's state by id, and all that the engine logged, in order."""

    state: str
    tasks: dict[str, str]
    log: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The log as one text."""
        return "\n".join(self.log)

    def group(self, stem: str) -> dict[str, str]:
        """The states of one migration's tasks, by verb."""
        prefix = f"{stem}."
        return {name.removeprefix(prefix): state for name, state in self.tasks.items() if name.startswith(prefix)}


class _Collector(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.INFO)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def run_dag(
    dag_id: str,
    url: str,
    folder: Path,
    conf: Mapping[str, Any] | None = None,
    *,
    answer: str | None = None,
    during: Callable[[logging.Logger], None] | None = None,
    when: str | None = None,
) -> Result:
    """Run the DAG to its end and return what happened.

    `answer` (Approve or Reject) is given to every approval that waits. `during` is called once, when a line that holds
    `when` is logged: for what somebody else does meanwhile.
    """
    os.environ["MIGRATIONS_DIR"] = str(folder)
    os.environ["AIRFLOW_CONN_TARGET_DB"] = url.replace("postgresql://", "postgres://", 1)
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(PROJECT / "dags"), bundle_name="dags-folder")
    if bag.import_errors:
        raise AssertionError(bag.import_errors)
    dag = bag.dags[dag_id]
    lines: list[str] = []
    collector = _Collector(lines)
    interrupter = _Interrupter(when, during) if during and when else None
    engine = logging.getLogger("pg_deploy")
    handlers = [collector, *([interrupter] if interrupter else [])]
    for handler in handlers:
        engine.addHandler(handler)
    stop = threading.Event()
    answering = threading.Thread(target=_answer_all, args=(answer, stop), daemon=True) if answer else None
    if answering:
        answering.start()
    try:
        run = dag.test(run_conf={"migrations_folder": None, **(conf or {})})
    finally:
        stop.set()
        if answering:
            answering.join(timeout=10)
        for handler in handlers:
            engine.removeHandler(handler)
    if interrupter and interrupter.error:
        raise interrupter.error
    tasks = {ti.task_id: str(getattr(ti.state, "value", ti.state)) for ti in run.get_task_instances()}
    return Result(str(getattr(run.state, "value", run.state)), tasks, lines)


class _Interrupter(logging.Handler):
    def __init__(self, when: str, during: Callable[[logging.Logger], None]) -> None:
        super().__init__(logging.INFO)
        self.when = when
        self.during = during
        self.done = False
        self.error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if not self.done and self.when in record.getMessage():
            self.done = True
            try:
                self.during(logging.getLogger("tests"))
            except BaseException as error:
                self.error = error


def _answer_all(answer: str, stop: threading.Event) -> None:
    """Answer every waiting approval as a person would, in the metadata database's own words."""
    from airflow.models.hitl import HITLDetail
    from airflow.utils.session import create_session
    from airflow.utils.timezone import utcnow
    from sqlalchemy import select

    while not stop.is_set():
        time.sleep(0.2)
        with create_session() as session:
            for detail in session.scalars(select(HITLDetail).where(HITLDetail.responded_at.is_(None))):
                detail.chosen_options = [answer]
                detail.params_input = {}
                detail.responded_at = utcnow()
                detail.responded_by = {"id": "1", "name": "tester"}
