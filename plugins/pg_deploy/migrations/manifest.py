"""migration.yaml: what the author of a migration declares about it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pg_deploy.configuration.duration import parse_duration
from pg_deploy.migrations.errors import InvalidManifestError, InvalidMigrationsError
from pg_deploy.migrations.strict_yaml import fault_in_words, read_yaml

Risk = Literal["low", "medium", "high", "unknown"]
Access = Literal["unchanged", "changed", "undeclared"]

SAY_WHY = "<your reason"
"""Messages that propose a line to paste begin its reason with this, as a place for the author's own."""


def _is_given(why: str) -> str:
    if why.lower().startswith(SAY_WHY):
        raise ValueError(f'write the reason itself instead of "{why}"')
    return why


Reason = Annotated[str, Field(min_length=3), AfterValidator(_is_given)]
"""One sentence of the author's own."""

_STRICT = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Within(BaseModel):
    """At most `times` times as slow as the benchmark `of` of the same migration. Both are measured afterwards."""

    model_config = _STRICT
    of: str
    times: float = Field(gt=0)


class Goal(BaseModel):
    """What the author hopes a benchmark will reach; every part that is given must hold. It is reported and decides nothing."""

    model_config = _STRICT
    faster_percent: float | None = Field(default=None, gt=0, lt=100)
    times_faster: float | None = Field(default=None, gt=1)
    max_ms: float | None = Field(default=None, gt=0)
    within: Within | None = None

    @model_validator(mode="after")
    def _is_not_empty(self) -> Goal:
        if not self.model_fields_set:
            raise ValueError("a goal needs at least one of faster_percent, times_faster, max_ms, within")
        return self


class Limit(BaseModel):
    """How much slower a benchmark may become, as a factor. If it is slower than that, the migration is rolled back."""

    model_config = _STRICT
    times_slower: float = Field(default=1.5, ge=1)


class AllowedFinding(BaseModel):
    """A finding of a lint that the author accepts, with the reason."""

    model_config = _STRICT
    lint: str
    object: str
    why: Reason


class Break(BaseModel):
    """Something of the workload that the author breaks on purpose: what names an object, or one statement by its id."""

    model_config = _STRICT
    object: str | None = None
    statement: str | None = Field(default=None, pattern="^[0-9a-f]{8}$")
    why: Reason
    quiet_for: str = "24 h"
    """How long nothing that names the object may have been called, as the monitor's samples show. It counts for what is dropped."""

    @field_validator("quiet_for")
    @classmethod
    def _is_quiet_time(cls, value: str) -> str:
        parse_duration(value)
        return value

    @model_validator(mode="after")
    def _names_something(self) -> Break:
        if (self.object is None) == (self.statement is None):
            raise ValueError("a break names one object or one statement")
        return self

    @property
    def quiet_s(self) -> float:
        """`quiet_for` in seconds."""
        return parse_duration(self.quiet_for)


class BenchmarkTerms(BaseModel):
    """Goal and limit of one benchmark file."""

    model_config = _STRICT
    goal: Goal | None = None
    limit: Limit = Limit()


class Hints(BaseModel):
    """Sentences that are printed when that verb fails: where the author would look first."""

    model_config = _STRICT
    apply: str | None = None
    verify: str | None = None
    rollback: str | None = None


class Manifest(BaseModel):
    """The contents of one migration.yaml. Every key may be left out; an unknown key is refused."""

    model_config = _STRICT
    title: str = ""
    risk: Risk = "unknown"
    impact: str = ""
    expected_duration: str | None = None
    access: Access = "unchanged"
    requires_extensions: tuple[str, ...] = ()
    holds_lock: str | None = None
    after_rollback: str = ""
    rollback: Literal["none"] | None = None
    rollback_reason: str = ""
    touches_ledger: str | None = Field(default=None, min_length=3)
    hints: Hints = Hints()
    benchmarks: dict[str, BenchmarkTerms] = {}
    criteria: dict[str, tuple[str, ...]] = {}
    allow: tuple[AllowedFinding, ...] = ()
    breaks: tuple[Break, ...] = ()

    @field_validator("expected_duration", "holds_lock")
    @classmethod
    def _is_duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value

    @model_validator(mode="after")
    def _says_why_no_rollback(self) -> Manifest:
        if self.rollback == "none" and not self.rollback_reason:
            raise ValueError("rollback: none needs a rollback_reason, one sentence on why it cannot be undone")
        return self

    @property
    def holds_lock_seconds(self) -> float | None:
        """How long a strong lock may be held, in seconds; None if the author did not declare it."""
        return parse_duration(self.holds_lock) if self.holds_lock else None


# A migration without a companion promises nothing about access, so a change of access is shown and fails nothing.
UNPROTECTED = Manifest(access="undeclared")


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`; if there is no file, risk is unknown and access unchanged.

    Raises InvalidManifestError, or InvalidMigrationsError with one of them for each fault.
    """
    if not path.is_file():
        return Manifest()
    try:
        loaded = read_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidManifestError(path, " ".join(str(error).split())) from error
    if loaded is None:
        return Manifest()
    if not isinstance(loaded, dict):
        raise InvalidManifestError(path, "it must hold keys and values")
    try:
        return Manifest.model_validate(loaded)
    except ValidationError as error:
        faults = [fault_in_words(fault, Manifest) for fault in error.errors()]
        raise InvalidMigrationsError([InvalidManifestError(path, fault) for fault in faults]) from error
