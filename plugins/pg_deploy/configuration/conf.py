"""The run's conf: what a person chose in the trigger form. It is checked again before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from pg_deploy.configuration.duration import parse_duration
from pg_deploy.configuration.errors import InvalidConfError, UnknownConfError
from pg_deploy.configuration.limits import Limits
from pg_deploy.errors import PgDeployError, PreflightError
from pg_deploy.presentation.secrecy import without_secrets


def _seconds(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a duration such as '2 s'")
    return parse_duration(value) if isinstance(value, str) else value


def _true_as_full(value: object) -> object:
    """False stands for none, true for full."""
    return {False: "none", True: "full"}[value] if isinstance(value, bool) else value


def _with_switch(shown: dict[str, Any]) -> None:
    """In the form a list of texts alone would refuse false and true."""
    shown["enum"] = [*shown["enum"], True, False]
    del shown["type"]


def _rehearsal(value: object) -> object:
    if value == "on_target":
        raise ValueError(
            "no copy is made on the target's own server any more: use full, on a worker with PostgreSQL's server programs, "
            "or clone, on the connection rehearsal_db"
        )
    return _true_as_full(value)


def _text_or_none(value: object) -> object:
    """None for a field of the form that was left empty; a text for a version that JSON took for a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None if value == "" else value


WHAT_TO_UNDO = ("version", "deployment", "down_to", "policies_from")
Seconds = Annotated[
    float, BeforeValidator(_seconds, json_schema_input_type=str | float), Field(ge=0, allow_inf_nan=False)
]
# PostgreSQL reads a lock_timeout of 0 as "wait for ever", so a budget of 0 would be no budget at all.
Budget = Annotated[
    float, BeforeValidator(_seconds, json_schema_input_type=str | float), Field(ge=0.001, allow_inf_nan=False)
]
Name = Annotated[str, Field(min_length=1)]
TextOrNone = Annotated[str | None, BeforeValidator(_text_or_none, json_schema_input_type=str | None)]
Model = TypeVar("Model", bound="Conf")
Approval = Literal["risky", "all", "none"]
Workload = Literal["gate", "report", "none"]

_FOUR_EYES = Field(
    default=False,
    description="Whoever triggers the run may not approve it: an approval counts only from somebody else. "
    "The connection's four_eyes holds whatever is chosen here.",
)
_LOCK_BUDGET = Field(
    default="2 s",
    validate_default=True,
    description="The longest time that the application may wait behind a transaction of a migration.",
)
_STATEMENT_TIMEOUT = Field(
    default="0 s",
    validate_default=True,
    description="The longest time that one statement in a transaction, or one check, may run; 0 s = no limit. "
    "A CONCURRENTLY build has none: cancelled, it would leave an invalid index.",
)
_GIVE_UP_AFTER = Field(
    default="10 min",
    validate_default=True,
    description="How long to try for a lock, and to wait for another run.",
)
_FOLDER = Field(
    default=None,
    description="The folder and its contents that this form shows; the run is refused if the tasks see others.",
)


class Conf(BaseModel):
    """The conf of a DAG, and its trigger form: fields in the form's order, with what the form says of them."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        field_title_generator=lambda name, _: name.replace("_", " ").capitalize(),
    )


class DeployConf(Conf):
    """The conf of deploy_migrations. Durations are texts with a unit, or numbers of seconds."""

    target: Name = Field(default="target_db", description="The Airflow connection of the database to change.")
    migrations: list[str] = Field(
        default=[], description="Which pending migrations to deploy; none chosen = all of them, in order."
    )
    dry_run: bool = Field(default=False, description="Show the plan and change nothing, not even the ledger.")
    approval: Approval = Field(
        default="risky",
        description="When a person is asked: for risk medium and up, always, or never. "
        "The connection's approval_floor wins over this.",
    )
    four_eyes: bool = _FOUR_EYES
    on_failure: Literal["rollback_failed", "rollback_all", "stop"] = Field(
        default="rollback_failed",
        description="Undo the migration that failed, everything that this run verified, or nothing.",
    )
    backup: Annotated[Literal["full", "schema", "external", "none"], BeforeValidator(_true_as_full)] = Field(
        default="full",
        json_schema_extra=_with_switch,
        description="full: a dump of the migrated schemas and what they depend on. external: the server can go back to any "
        "moment by itself, and the moment is recorded. true = full, false = none.",
    )
    rehearse: Annotated[Literal["full", "clone", "none"], BeforeValidator(_rehearsal)] = Field(
        default="full",
        json_schema_extra=_with_switch,
        description="full: the whole deployment first on a private copy restored from the backup. clone: on the connection "
        "rehearsal_db. true = full, false = none.",
    )
    workload: Workload = Field(
        default="gate",
        description="What the application sends, as pg_stat_statements recorded it, asked before and after on the copy. gate: what "
        "a migration with a companion breaks and does not declare fails the rehearsal. report: it is shown. none: nothing is asked.",
    )
    benchmark: bool = Field(default=True, description="Time the migrations' queries before and after.")
    out_of_order: bool = Field(
        default=False, description="Allow a pending migration that is older than the newest applied one."
    )
    lock_budget: Budget = _LOCK_BUDGET
    statement_timeout: Seconds = _STATEMENT_TIMEOUT
    give_up_after: Seconds = _GIVE_UP_AFTER
    migrations_folder: str | None = _FOLDER

    @property
    def limits(self) -> Limits:
        """The deadlines of the engine."""
        return Limits(self.lock_budget, self.give_up_after, self.statement_timeout)


class BaselineConf(Conf):
    """The conf of baseline_migrations: which database adopts which versions (or stems), and why."""

    target: Name = Field(default="target_db", description="The Airflow connection of the database to change.")
    migrations: list[str] = Field(
        default=[], description="Which migrations are in the database already; none chosen = all of the folder."
    )
    up_to: str | None = Field(
        default=None, description="The newest version that is in the database already; empty = no bound."
    )
    reason: Name = Field(
        default="made by hand before pg_deploy was used",
        description="How you know that they are in place; it is kept in the ledger with your name.",
    )
    run_checks: bool = Field(
        default=True,
        description="Run the migrations' own checks and keep what they say as evidence; it decides nothing.",
    )
    finished_by_hand: bool = Field(
        default=False,
        description="Adopt also a migration, named above, whose deployment broke off and which you finished by hand.",
    )
    dry_run: bool = Field(default=False, description="Say what would be adopted and change nothing.")
    give_up_after: Seconds = _GIVE_UP_AFTER
    migrations_folder: str | None = _FOLDER


class RollbackConf(Conf):
    """The conf of rollback_migrations: exactly one of version, deployment, down_to and policies_from says what to undo."""

    target: Name = Field(default="target_db", description="The Airflow connection of the database to change back.")
    version: TextOrNone = Field(
        default=None,
        description="Undo this one migration: its 14 digits, or its name. Refused while a later one builds on it.",
    )
    deployment: Annotated[str | None, BeforeValidator(_text_or_none, json_schema_input_type=str | int | None)] = Field(
        default=None,
        description='Undo all that one run deployed: its number in the ledger, its Airflow run id, or "last".',
    )
    down_to: TextOrNone = Field(
        default=None,
        description='Undo everything above this version, which is kept; "0" = all that the ledger can undo.',
    )
    policies_from: TextOrNone = Field(
        default=None,
        description="Restore only the policies that were in force before this version (or attempt) was deployed.",
    )
    approval: Literal["all", "none"] = Field(
        default="all", description="Whether a person is asked. The connection's approval_floor wins over this."
    )
    four_eyes: bool = _FOUR_EYES
    dry_run: bool = Field(default=False, description="Show what would be undone and lost; change nothing.")
    lock_budget: Budget = _LOCK_BUDGET
    statement_timeout: Seconds = _STATEMENT_TIMEOUT
    give_up_after: Seconds = _GIVE_UP_AFTER

    @model_validator(mode="after")
    def _says_what_to_undo(self) -> RollbackConf:
        given = [name for name in WHAT_TO_UNDO if getattr(self, name) is not None]
        if len(given) != 1:
            problem = f"{' and '.join(given)} are given" if given else "nothing says what to undo"
            raise ValueError(f"{problem}: give exactly one of {', '.join(WHAT_TO_UNDO)}")
        return self

    @property
    def as_deploy(self) -> DeployConf:
        """The part that the tasks of every run share: target, approval, deadlines."""
        return DeployConf(
            target=self.target,
            approval=self.approval,
            four_eyes=self.four_eyes,
            dry_run=self.dry_run,
            workload="none",
            benchmark=False,
            lock_budget=self.lock_budget,
            statement_timeout=self.statement_timeout,
            give_up_after=self.give_up_after,
        )


class RestoreConf(Conf):
    """The conf of restore_backup: which backup, by name or "last", into which new database."""

    target: Name = Field(
        default="target_db", description="The Airflow connection of the database beside which a new one is made."
    )
    backup: Name = Field(
        default="last",
        description='The name or URI of a backup, as a report prints it; "last" = the newest of this target.',
    )
    database: TextOrNone = Field(
        default=None,
        description="The name of the new database; empty = the target's, with the time. One that exists is refused.",
    )


class MonitorConf(Conf):
    """The conf of monitor_database."""

    target: Name = Field(default="target_db", description="The Airflow connection of the database to measure.")
    refresh: Literal["none", "stale", "all"] = Field(
        default="none",
        description="Which materialized views are refreshed after everything is reported: none (unless the setting views.refresh"
        " says stale), those found stale, or all of them.",
    )
    thresholds: dict[str, object] = Field(
        default={},
        title="Limits of this run",
        json_schema_extra={
            "description_md": "What differs from thresholds.yaml, in its shape: "
            '`{"measures": {"idle_in_transaction": {"above": 5}}}`. For trying a limit; lasting ones belong in the file.'
        },
    )


def stricter(one: Approval, other: Approval) -> Approval:
    """Of two approval policies, the one that asks more often."""
    order: tuple[Approval, ...] = ("none", "risky", "all")
    return max(one, other, key=order.index)


def checked_conf(model: type[Model], values: Mapping[str, object]) -> Model:
    """`values` as a checked conf. Raises UnknownConfError or InvalidConfError; PreflightError for several at once."""
    faults: list[PgDeployError] = []
    unknown = sorted(set(values) - set(model.model_fields))
    if unknown:
        faults.append(UnknownConfError(unknown, list(model.model_fields)))
    try:
        conf = model.model_validate({key: value for key, value in values.items() if key not in unknown})
    except ValidationError as error:
        faults += [_invalid(fault, values) for fault in error.errors()]
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise PreflightError(faults)
    return conf


def _invalid(fault: ErrorDetails, values: Mapping[str, object]) -> InvalidConfError:
    key = str(fault["loc"][0]) if fault["loc"] else "conf"
    problem = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return InvalidConfError(key, f"is incomplete or contradicts itself: {problem}; correct it and trigger again")
    given = without_secrets(repr(values.get(key)))
    return InvalidConfError(key, f"is {given}: {problem[:1].lower()}{problem[1:]}; correct it and trigger again")
