"""The parts of Airflow's REST API that a run needs: log in, trigger, watch, read logs, keep connections."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from launch.airflow_answers import (
    Answer,
    ApprovalAnswer,
    ConnectionAnswer,
    DagAnswer,
    ImportErrorAnswer,
    LogLine,
    RunAnswer,
    TaskAnswer,
)
from launch.errors import ApiError, ApiUnreachableError, ConfRefusedError
from launch.settings import LOGIN, PASSWORD
from launch.target import Target

PAGE = 100
TRIES = 12
A = TypeVar("A", bound=Answer)


class Api:
    """A logged-in client of one Airflow. Every method raises ApiError or ApiUnreachableError."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._log_in()

    def _log_in(self) -> None:
        self._client.headers.pop("Authorization", None)
        answer = self._send("POST", "/auth/token", {"username": LOGIN, "password": PASSWORD})
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _send(
        self, method: str, path: str, body: object = None, query: Mapping[str, object] | None = None
    ) -> httpx.Response:
        """The answer, whatever its status; asked again while SQLite is locked (HTTP 500) or the server is away.

        Only for requests that may be sent twice.
        """
        for attempt in range(1, TRIES + 1):
            try:
                answer = self._client.request(method, path, json=body, params=_query(query or {}))
            except httpx.TransportError as error:
                if attempt == TRIES:
                    raise ApiUnreachableError(self.url, type(error).__name__) from error
            else:
                if answer.status_code == 401 and "Authorization" in self._client.headers:
                    self._log_in()
                elif answer.status_code < 500 or attempt == TRIES:
                    return answer
            time.sleep(0.25 * attempt)
        raise ApiUnreachableError(self.url, "it refuses its own login")

    def _get(self, path: str, query: Mapping[str, object] | None = None) -> dict[str, object]:
        return _checked("GET", path, self._send("GET", path, None, query)).json()  # type: ignore[no-any-return]

    def _pages(self, path: str, key: str, kind: type[A], query: Mapping[str, object] | None = None) -> Iterator[A]:
        """Every row of a list, page by page: the API never gives more than 100 at once."""
        offset = 0
        rows = TypeAdapter(list[kind])  # type: ignore[valid-type]
        while True:
            page = self._get(path, {**(query or {}), "limit": PAGE, "offset": offset})
            found: list[A] = rows.validate_python(page[key])
            yield from found
            offset += len(found)
            if not found or offset >= int(str(page["total_entries"])):
                return

    def dag(self, dag_id: str) -> DagAnswer | None:
        """The DAG with its Params, or None while it is not known."""
        path = f"/api/v2/dags/{dag_id}/details"
        answer = self._send("GET", path)
        if answer.status_code == 404:
            return None
        return DagAnswer.model_validate(_checked("GET", path, answer).json())

    def reparse(self, dag: DagAnswer) -> None:
        """Ask for the DAG's file to be parsed next; harmless if somebody has asked already."""
        path = f"/api/v2/parseDagFile/{dag.file_token}"
        answer = self._send("PUT", path)
        if answer.status_code not in {404, 409}:
            _checked("PUT", path, answer)

    def unpause(self, dag_id: str) -> None:
        """Let the DAG run."""
        path = f"/api/v2/dags/{dag_id}"
        _checked("PATCH", path, self._send("PATCH", path, {"is_paused": False}))

    def import_errors(self) -> tuple[str, ...]:
        """What could not be parsed: file and last line of the traceback."""
        found = []
        for error in self._pages("/api/v2/importErrors", "import_errors", ImportErrorAnswer):
            lines = (error.stack_trace or "").strip().splitlines() or ["no traceback"]
            found.append(f"{error.filename}: {lines[-1].strip()}")
        return tuple(found)

    def open_runs(self, dag_id: str) -> list[RunAnswer]:
        """The DAG's runs that are queued or running; "~" stands for all DAGs."""
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        if dag_id != "~" and self.dag(dag_id) is None:
            return []
        return list(self._pages(path, "dag_runs", RunAnswer, {"state": ["queued", "running"]}))

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, object]) -> RunAnswer:
        """Start a run with this id; a second call with the same id starts no second run. Raises ConfRefusedError."""
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        answer = self._send("POST", path, {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)})
        if answer.status_code == 400:
            raise ConfRefusedError(dag_id, _detail(answer))
        if answer.status_code == 409:
            return self.run(dag_id, run_id)
        return RunAnswer.model_validate(_checked("POST", path, answer).json())

    def run(self, dag_id: str, run_id: str) -> RunAnswer:
        """The run as it is now."""
        return RunAnswer.model_validate(self._get(_run_path(dag_id, run_id)))

    def tasks(self, dag_id: str, run_id: str) -> list[TaskAnswer]:
        """All tasks of the run."""
        return list(self._pages(f"{_run_path(dag_id, run_id)}/taskInstances", "task_instances", TaskAnswer))

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> object:
        """What a task returned; None if it did not run, or returned nothing."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/xcomEntries/return_value"
        answer = self._send("GET", path)
        if answer.status_code == 404:
            return None
        value: object = _checked("GET", path, answer).json().get("value")
        if isinstance(value, str):
            # The API shows a value that is no text as JSON.
            with contextlib.suppress(ValueError):
                value = json.loads(value)
        return value

    def approvals(self, dag_id: str, run_id: str) -> list[ApprovalAnswer]:
        """The questions of the run's tasks that no person has answered yet."""
        asked = self._pages(f"{_run_path(dag_id, run_id)}/hitlDetails", "hitl_details", ApprovalAnswer)
        return [approval for approval in asked if not approval.response_received]

    def log(self, dag_id: str, run_id: str, task: TaskAnswer) -> list[LogLine]:
        """The whole log of the task's last try."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task.task_id)}/logs/{max(task.try_number, 1)}"
        lines: list[LogLine] = []
        query: dict[str, object] = {"map_index": task.map_index, "full_content": "true"}
        page = self._get(path, query)
        content = page["content"]
        for line in content if isinstance(content, list) else []:
            try:
                lines.append(LogLine(event=line) if isinstance(line, str) else LogLine.model_validate(line))
            except ValidationError:
                lines.append(LogLine(event=str(line)))
        return lines

    def keep_connection(self, target: Target) -> None:
        """Make the connection, or update its address and login; keys of `extra` that a person set stay."""
        body: dict[str, object] = {
            "connection_id": target.connection_id,
            "conn_type": "postgres",
            "host": target.host,
            "port": target.port,
            "login": target.user,
            "password": target.password,
            "schema": target.database,
        }
        path = f"/api/v2/connections/{target.connection_id}"
        found = self._send("GET", path)
        if found.status_code == 404:
            made = self._send("POST", "/api/v2/connections", {**body, "extra": json.dumps(dict(target.options))})
            if made.status_code != 409:
                _checked("POST", "/api/v2/connections", made)
                return
            found = self._send("GET", path)
        existing = ConnectionAnswer.model_validate(_checked("GET", path, found).json())
        fields = list(body)
        if target.options:
            body["extra"] = json.dumps({**_unmasked(existing.extra), **target.options})
            fields.append("extra")
        query = {"update_mask": [field for field in fields if field != "connection_id"]}
        _checked("PATCH", path, self._send("PATCH", path, body, query))


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _query(query: Mapping[str, object]) -> httpx.QueryParams:
    return httpx.QueryParams(
        {name: [str(one) for one in value] if isinstance(value, list) else str(value) for name, value in query.items()}
    )


def _detail(answer: httpx.Response) -> str:
    """The reason that the API gives, in one line."""
    try:
        detail = answer.json().get("detail", "")
    except (ValueError, AttributeError):
        detail = answer.reason_phrase
    if isinstance(detail, str):
        return detail.split("\n\n")[0]
    # A body that breaks the schema is answered with a list that repeats the input, secrets included.
    return "; ".join(str(one.get("msg", "")) for one in detail) if isinstance(detail, list) else answer.reason_phrase


def _checked(method: str, path: str, answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    raise ApiError(method, path, answer.status_code, _detail(answer))


def _unmasked(extra: str | None) -> dict[str, object]:
    """What may be written back: a value that Airflow masked must not replace the real one."""
    try:
        known = json.loads(extra or "{}")
    except ValueError:
        return {}
    return {name: value for name, value in known.items() if value != "***"} if isinstance(known, dict) else {}
