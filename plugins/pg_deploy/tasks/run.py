"""What every task of a run has in common: its conf, its target, its ownership, its log."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import httpx
from airflow.configuration import conf as airflow_conf

from pg_deploy.approval.permission import Demands
from pg_deploy.configuration.conf import Approval, DeployConf, checked_conf, stricter
from pg_deploy.configuration.installation import settings
from pg_deploy.configuration.limits import Limits, StopRules
from pg_deploy.deployment.job import Job
from pg_deploy.errors import ConnectionFailedError, ConnectionLostError, PgDeployError
from pg_deploy.execution.lost_connections import lost_connections_named
from pg_deploy.execution.old_backends import terminate_all
from pg_deploy.ledger import deployment, pins, schema
from pg_deploy.ledger.deployment import Deployment
from pg_deploy.ledger.errors import PinnedContentChangedError
from pg_deploy.ledger.guard import Ownership, working
from pg_deploy.migrations.migration import Migration, load, read_version
from pg_deploy.postgres.session import Connection, Target
from pg_deploy.preflight.claiming import Identity
from pg_deploy.preflight.preflight import Prepared
from pg_deploy.presentation.secrecy import WithoutSecrets, without_secrets
from pg_deploy.projects.project import Project
from pg_deploy.projects.registry import project_of
from pg_deploy.tasks.airflow_versions import AirflowFailException, AirflowNotFoundException, AirflowRuntimeError
from pg_deploy.tasks.errors import NoClaimError
from pg_deploy.tasks.target import approval_floor, four_eyes_floor, read_target

log = logging.getLogger("pg_deploy")
log.addFilter(WithoutSecrets())

PREFLIGHT = "preflight"
UNKNOWN_ACTOR = "unknown"


@dataclass(frozen=True)
class Run:
    """One DAG run as a task of it sees it. `ownership` is None in a dry run, and in preflight itself."""

    conf: DeployConf
    project: Project
    target: Target
    identity: Identity
    ownership: Ownership | None
    task: Any = field(repr=False, compare=False)

    @property
    def approval(self) -> Approval:
        """The policy in force: the strictest of the conf's, the connection's floor, and `risky` if the project names approvers."""
        # Else whoever triggers the run could choose that none of them is asked.
        named: Approval = "risky" if self.project.approvers else "none"
        return stricter(stricter(self.conf.approval, named), approval_floor(self.target.name))

    @property
    def four_eyes(self) -> bool:
        """Whether an approval counts only from somebody else than who triggered the run: the conf's word or the connection's."""
        return self.conf.four_eyes or four_eyes_floor(self.target.name)

    def refuse_closed(self) -> None:
        """Raise OutsideWindowError unless the project's databases may be changed now."""
        self.project.refuse_closed(datetime.now(timezone.utc))

    @property
    def demands(self) -> Demands:
        """What the ledger must hold before this run changes anything."""
        return Demands(
            self.conf.backup,
            self.conf.rehearse != "none",
            self.approval,
            self.four_eyes,
            self.identity.actor,
            self.conf.lock_budget,
        )

    @contextmanager
    def job(self, phase: str) -> Iterator[Job]:
        """Work for this run: the deploy lock taken, the fence checked, the deployment kept alive.

        While it lasts, marking the task failed or clearing it ends its sessions in the server too.
        """
        if self.ownership is None:
            raise AirflowFailException("a dry run never works on the target")
        # A TaskFlow function cannot define on_kill, which is what Airflow calls when a person stops the task.
        self.task.on_kill = self._end_sessions
        with working(self.target, self.ownership, phase, give_up_after=self.conf.give_up_after, log=log) as guard:
            yield Job(
                self.target,
                guard,
                self._limits(),
                log,
                benchmark=self.conf.benchmark,
                workload=self.conf.workload,
                own_files=self.project.own_files,
            )

    def _limits(self) -> Limits:
        configured = settings()
        rules = StopRules(configured.max_replica_lag, configured.min_free_connections, configured.max_wal_mb_per_s)
        return replace(self.conf.limits, reattach=configured.reattach, stop_rules=rules)

    def _end_sessions(self) -> None:
        log.warning("the task is being stopped: ending its sessions in the server")
        with self.target.session("stop") as connection:
            terminate_all(connection, self.deployment_id, log)

    def migration(self, version: str) -> Migration:
        """The pinned migration of that version, read now; refused unless it is still what was pinned."""
        with self.target.session(f"read {version}") as connection:
            return self.migration_by(connection, version)

    def migration_by(self, connection: Connection, version: str) -> Migration:
        """As `migration`, on an open connection."""
        pinned = pins.pinned_version(connection, self.deployment_id, version)
        file = read_version(self.project.migrations, version)
        if pinned is None or file is None:
            raise PinnedContentChangedError(pinned.stem if pinned else version)
        migration = load(file)
        pins.refuse_other_content(pinned, migration)
        return pins.as_pinned(pinned, migration)

    @property
    def deployment_id(self) -> int:
        """The deployment of this run; only if there is one."""
        if self.ownership is None:
            raise AirflowFailException("a dry run has no deployment")
        return self.ownership.deployment_id


def read_run(context: Any, owned: Ownership | None = None) -> Run:
    """The run behind an Airflow context. Raises the core's errors for a bad conf or target.

    `owned` is what was found elsewhere. Only a dry run has no ownership after preflight: NoClaimError is
    raised if what it handed on is gone.
    """
    conf = read_conf(context)
    ownership = owned or ownership_from(context, PREFLIGHT)
    if ownership is None and not conf.dry_run and context["ti"].task_id != PREFLIGHT:
        raise NoClaimError(context["dag_run"].run_id)
    project = project_in(context)
    return Run(conf, project, target_of(project, conf.target), identity(context), ownership, context["task"])


def project_in(context: Any) -> Project:
    """The project whose DAG this run is of. Raises NoProjectError."""
    return project_of(context["dag"].dag_id)


def contacts_of(project: Project) -> str:
    """Whom to ask when a run of this project is red."""
    return project.contacts if project.contacts is not None else settings().contacts


def target_of(project: Project, name: str) -> Target:
    """The project's target of that name. Raises NotOfProjectError, or UnknownTargetError."""
    project.refuse_target(name)
    return read_target(name, project.ledger)


def read_conf(context: Any) -> DeployConf:
    """The conf of the run: the form's defaults with what was chosen, unknown keys refused."""
    return checked_conf(DeployConf, chosen_conf(context))


def chosen_conf(context: Any) -> dict[str, object]:
    """The form's defaults with what was chosen, unchecked: the first task must refuse what no Param declares."""
    return {**dict(context["params"]), **dict(context["dag_run"].conf or {})}


def identity(context: Any) -> Identity:
    """Which run this is and who triggered it."""
    dag_run = context["dag_run"]
    actor = getattr(dag_run, "triggering_user_name", None) or UNKNOWN_ACTOR
    began = getattr(dag_run, "run_after", None)
    origin = f"{installation()}/{began.isoformat() if began else ''}"
    bundle = getattr(context["ti"], "bundle_instance", None)
    commit = str(getattr(bundle, "version", None) or "")
    return Identity(dag_run.dag_id, dag_run.run_id, actor, lambda holder: is_over(context, holder), origin, commit)


def installation() -> str:
    """Which Airflow this is, the same on all its workers: two of them may give their runs the same names."""
    secret = airflow_conf.get("core", "fernet_key", fallback="") or airflow_conf.get("api", "base_url", fallback="")
    return hashlib.sha256(f"pg_deploy {secret}".encode()).hexdigest()[:16]


def is_over(context: Any, holder: Deployment) -> bool:
    """Whether this Airflow knows the holder's run as ended, or as deleted; a run of another Airflow is not known here."""
    ti = context["ti"]
    try:
        state = ti.get_dagrun_state(holder.dag_id, holder.airflow_run)
    except (AirflowRuntimeError, AirflowNotFoundException, httpx.HTTPStatusError):
        # A task that Airflow runs in its own process hears the answer of the API as it is.
        ours = holder.origin is not None and holder.origin.split("/")[0] == installation()
        return ours and ti.get_dr_count(dag_id=holder.dag_id, run_ids=[holder.airflow_run]) == 0
    # An enumeration prints its own name where its value is meant.
    return getattr(state, "value", state) in ("success", "failed")


def held_in_ledger(context: Any, target: str) -> Ownership | None:
    """The open deployment of this run as the ledger knows it, whatever became of XComs; None if there is none."""
    dag_run = context["dag_run"]
    with target_of(project_in(context), target).session("report") as connection:
        if not schema.exists(connection):
            return None
        held = deployment.of_run(connection, dag_run.dag_id, dag_run.run_id)
    return Ownership(held.id, held.fence) if held is not None and held.ended_at is None else None


@contextmanager
def failing_plainly() -> Iterator[None]:
    """Fail the task with the core's own sentences; only a lost connection is worth a retry, which looks before it acts."""
    try:
        with lost_connections_named():
            yield
    except (ConnectionLostError, ConnectionFailedError) as error:
        log.error("%s", error)
        raise
    except PgDeployError as error:
        raise plain_failure(error) from None


def plain_failure(error: PgDeployError) -> AirflowFailException:
    """What fails a task without another try; Airflow logs its text by a logger of its own, so that is masked here. Logs the error."""
    # A secret may stand in the line below its word, so the text is masked as a whole.
    shown = without_secrets(str(error))
    for line in shown.splitlines():
        log.error("%s", line)
    return AirflowFailException(shown)


def hand_on(prepared: Prepared) -> dict[str, Any]:
    """What the first task of a run returns, for `ownership_from` in those that follow."""
    owned = prepared.ownership
    return {
        "deployment_id": owned.deployment_id if owned else None,
        "fence": owned.fence if owned else None,
        "good_for": owned.good_for if owned else None,
        "pinned": prepared.pinned,
    }


def ownership_from(context: Any, first: str) -> Ownership | None:
    """What the task `first` handed on when it claimed the target; None in a dry run, and in that task itself."""
    handed = context["ti"].xcom_pull(task_ids=first) if context["ti"].task_id != first else None
    if not handed or handed.get("deployment_id") is None:
        return None
    return Ownership(handed["deployment_id"], handed["fence"], handed["good_for"])


def task_states(context: Any) -> dict[str, str]:
    """The state of each task of this run, by id."""
    ti = context["ti"]
    found = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    return {name: str(state) for name, state in found.items() if name != ti.task_id}
