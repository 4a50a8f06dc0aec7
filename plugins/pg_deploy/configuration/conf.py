"""The run's conf: what a person chose in the trigger form. It is checked again before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

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


def _text_or_none(value: object) -> object:
    """None for a field of the form that was left empty; a text for a version that JSON took for a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None if value == "" else value


WHAT_TO_UNDO = ("version", "deployment", "down_to", "policies_from")
Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, allow_inf_nan=False)]
# PostgreSQL reads a lock_timeout of 0 as "wait for ever", so a budget of 0 would be no budget at all.
Budget = Annotated[float, BeforeValidator(_seconds), Field(ge=0.001, allow_inf_nan=False)]
Model = TypeVar("Model", bound=BaseModel)
Approval = Literal["none", "risky", "all"]
Backup = Annotated[Literal["full", "schema", "external", "none"], BeforeValidator(_true_as_full)]
Rehearse = Annotated[Literal["full", "on_target", "clone", "none"], BeforeValidator(_true_as_full)]
TextOrNone = Annotated[str | None, BeforeValidator(_text_or_none)]


class DeployConf(BaseModel):
    """The conf of deploy_migrations. Durations are texts with a unit, or numbers of seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    target: str = "target_db"
    migrations: list[str] = []
    out_of_order: bool = False
    dry_run: bool = False
    backup: Backup = "full"
    rehearse: Rehearse = "full"
    approval: Approval = "risky"
    four_eyes: bool = False
    on_failure: Literal["rollback_failed", "rollback_all", "stop"] = "rollback_failed"
    benchmark: bool = True
    lock_budget: Budget = 2.0
    statement_timeout: Seconds = 0.0
    give_up_after: Seconds = 600.0
    migrations_folder: str | None = None

    @property
    def limits(self) -> Limits:
        """The deadlines of the engine."""
        return Limits(self.lock_budget, self.give_up_after, self.statement_timeout)


class BaselineConf(BaseModel):
    """The conf of baseline_migrations: which database adopts which versions (or stems), and why."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    target: str = "target_db"
    migrations: list[str] = []
    up_to: str | None = None
    reason: Annotated[str, Field(min_length=1)] = "made by hand before pg_deploy was used"
    finished_by_hand: bool = False
    run_checks: bool = True
    dry_run: bool = False
    give_up_after: Seconds = 600.0
    migrations_folder: str | None = None


class RollbackConf(BaseModel):
    """The conf of rollback_migrations: exactly one of version, deployment, down_to and policies_from says what to undo."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    target: str = "target_db"
    version: TextOrNone = None
    deployment: TextOrNone = None
    down_to: TextOrNone = None
    policies_from: TextOrNone = None
    approval: Literal["all", "none"] = "all"
    four_eyes: bool = False
    dry_run: bool = False
    lock_budget: Budget = 2.0
    statement_timeout: Seconds = 0.0
    give_up_after: Seconds = 600.0

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
            benchmark=False,
            lock_budget=self.lock_budget,
            statement_timeout=self.statement_timeout,
            give_up_after=self.give_up_after,
        )


class RestoreConf(BaseModel):
    """The conf of restore_backup: which backup, by name or "last", into which new database."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    target: str = "target_db"
    backup: Annotated[str, Field(min_length=1)] = "last"
    database: TextOrNone = None


def read_restore_conf(values: Mapping[str, object]) -> RestoreConf:
    """`values` as a checked conf. Raises as `read_deploy_conf` does."""
    return _read(RestoreConf, values)


class MonitorConf(BaseModel):
    """The conf of monitor_database."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    target: str = "target_db"
    refresh: Literal["none", "stale", "all"] = "none"
    thresholds: dict[str, object] = {}


def read_monitor_conf(values: Mapping[str, object]) -> MonitorConf:
    """`values` as a checked conf. Raises as `read_deploy_conf` does."""
    return _read(MonitorConf, values)


def read_rollback_conf(values: Mapping[str, object]) -> RollbackConf:
    """`values` as a checked conf. Raises as `read_deploy_conf` does."""
    return _read(RollbackConf, values)


def read_deploy_conf(values: Mapping[str, object]) -> DeployConf:
    """`values` as a checked conf. Raises UnknownConfError or InvalidConfError; PreflightError for several at once."""
    return _read(DeployConf, values)


def read_baseline_conf(values: Mapping[str, object]) -> BaselineConf:
    """`values` as a checked conf. Raises as `read_deploy_conf` does."""
    return _read(BaselineConf, values)


def stricter(one: Approval, other: Approval) -> Approval:
    """Of two approval policies, the one that asks more often."""
    order: tuple[Approval, ...] = ("none", "risky", "all")
    return max(one, other, key=order.index)


def _read(model: type[Model], values: Mapping[str, object]) -> Model:
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
