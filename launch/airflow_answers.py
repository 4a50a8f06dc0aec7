"""The parts of Airflow's REST answers that we use, as typed values."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Base of the answers: fields that a class does not name are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ParamAnswer(Answer):
    """One Param of a DAG; `value` is its default."""

    value: object = None


class DagAnswer(Answer):
    """A DAG as the API serves it."""

    dag_id: str
    is_paused: bool = False
    has_import_errors: bool = False
    file_token: str = ""
    params: dict[str, ParamAnswer] | None = None


class ImportErrorAnswer(Answer):
    """A DAG file that could not be parsed, with its traceback."""

    filename: str | None = None
    stack_trace: str | None = None


class RunAnswer(Answer):
    """A run of a DAG; `state` is queued, running, success or failed."""

    dag_run_id: str
    dag_id: str
    state: str


class TaskAnswer(Answer):
    """A task of a run; `duration` is in seconds."""

    task_id: str
    map_index: int = -1
    state: str | None = None
    try_number: int = 0
    duration: float | None = None
    end_date: datetime | None = None
    operator: str | None = None


class AskedTaskAnswer(Answer):
    """The task that asks."""

    task_id: str
    map_index: int = -1


class ApprovalAnswer(Answer):
    """A question that a task put to a person."""

    subject: str
    response_received: bool = False
    task_instance: AskedTaskAnswer


class ExceptionAnswer(Answer):
    """One exception of a chain, the newest first."""

    exc_type: str = ""
    exc_value: str = ""


class LogLine(Answer):
    """One message of a task's log."""

    event: str = ""
    logger: str | None = None
    level: str | None = None
    error_detail: list[ExceptionAnswer] = Field(default_factory=list)


class ConnectionAnswer(Answer):
    """A connection; secrets in `extra` are masked by Airflow."""

    connection_id: str
    extra: str | None = None
