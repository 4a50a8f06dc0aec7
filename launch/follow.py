"""Following a run: print each task's end as it comes, what waits for a person, and the report at the end."""

from __future__ import annotations

import time
from urllib.parse import quote

from launch.airflow_answers import LogLine, TaskAnswer
from launch.api import Api
from launch.errors import ApiError
from launch.settings import LOGIN, PASSWORD

MARKS = {"success": "✓", "failed": "✗", "upstream_failed": "·", "removed": "·"}
WORDS = {"upstream_failed": "not run, because an earlier task failed", "removed": "removed from the DAG"}
REPORT = "report"
_PAUSE_S = 0.7
_PAUSE_FACTOR = 8
# Airflow's own loggers put lines around those of the task.
_RETURNED = "Done. Returned value was:"
_LOGGERS_AROUND = ("py.warnings", "airflow.dag_processing.", "airflow.sdk.")


def follow_run(api: Api, dag_id: str, run_id: str) -> bool:
    """Print the run until it has ended, then its report; True only if the run succeeded. Reads only."""
    began = time.monotonic()
    printed: set[tuple[str, int, str, int]] = set()
    while True:
        asked_at = time.monotonic()
        # The state is read first, so that the tasks read after it are complete when it is final.
        state = api.run(dag_id, run_id).state
        tasks = api.tasks(dag_id, run_id)
        _print_changes(api, dag_id, run_id, tasks, printed)
        if state in {"success", "failed"}:
            break
        # Watching a run of hundreds of tasks must not take the processor that it needs.
        time.sleep(max(_PAUSE_S, _PAUSE_FACTOR * (time.monotonic() - asked_at)))
    skipped = sum(task.state == "skipped" for task in tasks)
    if skipped:
        print(f"- {skipped} tasks had nothing to do", flush=True)
    for task in tasks:
        if task.task_id == REPORT and task.try_number:
            print("\n" + "\n".join(report_lines(api.log(dag_id, run_id, task))), flush=True)
    mark = MARKS[state]
    print(f"\n{mark} {dag_id} ended in state {state} after {_seconds(time.monotonic() - began)}")
    print(f"  {run_url(api.url, dag_id, run_id)}  (login: {LOGIN} / {PASSWORD})", flush=True)
    return state == "success"


def run_url(url: str, dag_id: str, run_id: str) -> str:
    """The page of the run in the UI."""
    return f"{url}/dags/{dag_id}/runs/{quote(run_id, safe='')}"


def report_lines(log: list[LogLine]) -> list[str]:
    """The lines that the task itself logged, without Airflow's around them; a folded group's title becomes a heading. Pure."""
    lines = []
    for line in log:
        if line.error_detail:
            lines += [f"{one.exc_type}: {one.exc_value}" for one in line.error_detail[:1]]
        elif (
            line.logger is None
            or line.logger == "task"
            or line.logger.startswith(_LOGGERS_AROUND)
            or line.event.startswith(_RETURNED)
        ):
            continue
        elif line.event.startswith("::group::"):
            lines += ["", line.event.removeprefix("::group::")]
        elif not line.event.startswith("::endgroup::"):
            lines += line.event.splitlines() or [""]
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def _print_changes(
    api: Api, dag_id: str, run_id: str, tasks: list[TaskAnswer], printed: set[tuple[str, int, str, int]]
) -> None:
    """Print what is new since the last call, in the order in which it came."""
    fresh = [
        task
        for task in tasks
        if task.state in {*MARKS, "up_for_retry", "awaiting_input"}
        # A task without a try had no process: the scheduler alone judged it, which is no news.
        and (task.state != "success" or task.try_number)
        and (task.task_id, task.map_index, task.state, task.try_number) not in printed
    ]
    for task in sorted(fresh, key=lambda task: task.end_date.timestamp() if task.end_date else float("inf")):
        printed.add((task.task_id, task.map_index, task.state or "", task.try_number))
        name = task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]"
        if task.state == "up_for_retry":
            print(f"↻ {name} failed in try {task.try_number} and will be tried again", flush=True)
        elif task.state == "awaiting_input":
            print(f"… {name} is waiting for approval: {_approval_url(api.url, dag_id, run_id, task)}", flush=True)
        elif task.state in WORDS:
            print(f"{MARKS[task.state]} {name}  {WORDS[task.state]}", flush=True)
        else:
            print(f"{MARKS[task.state or '']} {name}  {_seconds(task.duration or 0)}", flush=True)
        if task.state in {"failed", "up_for_retry"} and task.task_id != REPORT:
            _print_reason(api, dag_id, run_id, task)


def _print_reason(api: Api, dag_id: str, run_id: str, task: TaskAnswer) -> None:
    try:
        log = api.log(dag_id, run_id, task)
    except ApiError:
        # The run goes on without this log: a task that was killed may have none.
        return
    reasons = [one.exc_value for line in log for one in line.error_detail[:1]]
    for text in reasons[-1:]:
        print("\n".join(f"    {line}" for line in text.splitlines()), flush=True)


def _approval_url(url: str, dag_id: str, run_id: str, task: TaskAnswer) -> str:
    mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
    return f"{run_url(url, dag_id, run_id)}/tasks/{quote(task.task_id)}{mapped}/required_actions"


def _seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {seconds % 60:.0f} s"
