"""The run's conf: what a person chose in the trigger form, checked again before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from pg_deploy.duration import parse_duration
from pg_deploy.errors import InvalidConfError, UnknownConfError
from pg_deploy.execution import Limits


def _seconds(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a duration such as '2 s'")
    return parse_duration(value) if isinstance(value, str) else value


def _switch(value: object) -> object:
    """False stands for none; true would be the default of a version that has the choice."""
    return "none" if value is False else value


Seconds = Annotated[float, BeforeValidator(_seconds)]
Approval = Literal["none", "risky", "all"]


class DeployConf(BaseModel):
    """The conf of deploy_migrations. Durations are texts with a unit, or numbers of seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    target: str = "target_db"
    migrations: list[str] = []
    out_of_order: bool = False
    dry_run: bool = False
    backup: Annotated[Literal["none"], BeforeValidator(_switch)] = "none"
    rehearse: Annotated[Literal["none"], BeforeValidator(_switch)] = "none"
    approval: Approval = "risky"
    on_failure: Literal["rollback_failed", "rollback_all", "stop"] = "rollback_failed"
    benchmark: bool = True
    lock_budget: Seconds = 2.0
    statement_timeout: Seconds = 0.0
    give_up_after: Seconds = 600.0
    migrations_folder: str | None = None

    @property
    def limits(self) -> Limits:
        """The deadlines of the engine."""
        return Limits(self.lock_budget, self.give_up_after, self.statement_timeout)


class BaselineConf(BaseModel):
    """The conf of baseline_migrations: which database adopts which versions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    target: str = "target_db"
    migrations: list[str] = []
    up_to: str | None = None
    reason: str = "made by hand before pg_deploy was used"
    give_up_after: Seconds = 600.0
    migrations_folder: str | None = None


def read_deploy_conf(values: Mapping[str, object]) -> DeployConf:
    """`values` as a checked conf. Raises UnknownConfError or InvalidConfError, one sentence each."""
    _refuse_unknown(values, DeployConf)
    try:
        return DeployConf.model_validate(dict(values))
    except ValidationError as error:
        raise _first(error, values) from None


def read_baseline_conf(values: Mapping[str, object]) -> BaselineConf:
    """`values` as a checked conf. Raises UnknownConfError or InvalidConfError, one sentence each."""
    _refuse_unknown(values, BaselineConf)
    try:
        return BaselineConf.model_validate(dict(values))
    except ValidationError as error:
        raise _first(error, values) from None


def stricter(one: Approval, other: Approval) -> Approval:
    """The one of two approval policies that asks more often."""
    order: tuple[Approval, ...] = ("none", "risky", "all")
    return max(one, other, key=order.index)


def _refuse_unknown(values: Mapping[str, object], model: type[BaseModel]) -> None:
    unknown = sorted(set(values) - set(model.model_fields))
    if unknown:
        raise UnknownConfError(unknown, list(model.model_fields))


def _first(error: ValidationError, values: Mapping[str, object]) -> InvalidConfError:
    fault = error.errors()[0]
    key = str(fault["loc"][0]) if fault["loc"] else "conf"
    said = str(fault["msg"]).removeprefix("Value error, ")
    return InvalidConfError(key, f"is {values.get(key)!r}: {said[:1].lower()}{said[1:]}; correct it and trigger again")
