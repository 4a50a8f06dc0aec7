"""A project: its folder of migrations, its databases, and what holds for its DAGs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from croniter import croniter  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pg_deploy.configuration.backup import own_clone
from pg_deploy.configuration.conf import BaselineConf, Conf, DeployConf, MonitorConf, RollbackConf, checked_conf
from pg_deploy.configuration.dag_names import OWN, DagNames, dag_names
from pg_deploy.errors import PgDeployError
from pg_deploy.migrations.folder import migrations_dir, stamp
from pg_deploy.projects.errors import NotOfProjectError, OutsideWindowError
from pg_deploy.projects.window import Window, parse_window

_CHOSEN_BY_A_PERSON = {"target", "migrations", "migrations_folder", "dry_run", "thresholds"}
_WITH_DEFAULTS: Mapping[type[Conf], frozenset[str]] = {
    DeployConf: frozenset(DeployConf.model_fields) - _CHOSEN_BY_A_PERSON,
    # An approval is worth something else here: an undo is never without risk.
    RollbackConf: frozenset({"four_eyes", "lock_budget", "statement_timeout", "give_up_after"}),
    BaselineConf: frozenset({"run_checks", "give_up_after"}),
    MonitorConf: frozenset({"refresh"}),
}
"""For each conf the Params to which a project's defaults apply."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_OWN_NAMES = {name.partition("_")[2] for name in OWN.all}
_TAKEN = frozenset(
    {
        *("access_proof", "auth", "cron", "extensions", "graphql", "graphql_public", "information_schema", "net"),
        *("pgbouncer", "public", "realtime", "storage", "supabase_functions", "supabase_migrations", "vault"),
    }
)
"""Schemas that are never a ledger: whoever makes one takes the schema from everybody else."""
_Text = Annotated[str, Field(min_length=1)]

May = Literal["read", "deploy"]


class ProjectSettings(BaseModel):
    """What is written of a project, in a call of deployment_dags or in a file of projects. Paths are as they are written."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    target: _Text
    migrations: _Text
    targets: list[_Text] = []
    """More databases that the same migrations go to, such as staging."""
    ledger: _Text = "deploy_ledger"
    """The schema of the ledger; a name of its own only if two projects share a database."""
    defaults: dict[str, Any] = {}
    thresholds: _Text | None = None
    schedule: str | None = "*/15 * * * *"
    """When the monitor runs, as cron writes it in UTC; None: only after a deployment, or by hand."""
    pool: _Text = "default_pool"
    owner: _Text = "airflow"
    tags: list[_Text] = []
    roles: dict[_Text, May] = {}
    """Roles of the FAB auth manager: `read` sees the project's DAGs, `deploy` also triggers, approves and clears."""
    approvers: list[_Text] = []
    """Users whose approvals count; none: whoever may answer."""
    window: str | None = None
    notices: list[_Text] = []
    contacts: _Text | None = None
    clone: _Text | None = None
    """What makes the clone of `rehearse: clone`: an Airflow connection, or a command that begins with /."""

    @field_validator("window")
    @classmethod
    def _is_window(cls, value: str | None) -> str | None:
        if value is not None:
            parse_window(value)
        return value

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None and not croniter.is_valid(value):
            raise ValueError("must be written as cron writes it, such as */15 * * * *")
        return value

    @field_validator("ledger")
    @classmethod
    def _is_schema(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", value) or value.startswith("pg_"):
            raise ValueError("must be a schema's name of small letters, digits and _, and not begin with pg_")
        if value in _TAKEN:
            raise ValueError(f'cannot be "{value}": that schema is there for something else')
        return value

    @field_validator("defaults")
    @classmethod
    def _are_defaults(cls, value: dict[str, Any]) -> dict[str, Any]:
        known = frozenset[str]().union(*_WITH_DEFAULTS.values())
        if unknown := [name for name in value if name not in known]:
            raise ValueError(f"{', '.join(unknown)} has no default to set; there are: {', '.join(sorted(known))}")
        for conf in _WITH_DEFAULTS:
            try:
                checked_conf(conf, {**({"down_to": "0"} if conf is RollbackConf else {}), **defaults_of(value, conf)})
            except PgDeployError as error:
                raise ValueError(str(error).removesuffix("; correct it and trigger again")) from None
        return value

    @model_validator(mode="after")
    def _names_each_target_once(self) -> ProjectSettings:
        if self.target in self.targets or len(set(self.targets)) != len(self.targets):
            raise ValueError("'targets' are the databases beside 'target', each once")
        return self


@dataclass(frozen=True)
class Project:
    """A project as its DAGs and tasks see it. `name` is empty for an installation's own set of DAGs, which takes any target."""

    name: str = ""
    targets: tuple[str, ...] = ()
    folder: Path | None = None
    label: str | None = None
    ledger: str = "deploy_ledger"
    defaults: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Path | None = None
    schedule: str | None = "*/15 * * * *"
    pool: str = "default_pool"
    owner: str = "airflow"
    tags: tuple[str, ...] = ()
    roles: Mapping[str, May] = field(default_factory=dict)
    approvers: tuple[str, ...] = ()
    window: Window | None = None
    notices: tuple[str, ...] = ()
    contacts: str | None = None
    clone: str | None = None

    @property
    def dags(self) -> DagNames:
        """The ids of its DAGs."""
        return dag_names(self.name)

    @property
    def migrations(self) -> Path:
        """Its folder of migrations; for the own set of DAGs the one that the installation's settings name now."""
        return self.folder if self.folder is not None else migrations_dir()

    @property
    def own_files(self) -> Path | None:
        """The folder around its migrations, in which its own monitors and lints may stand; None: `configuration.own_files` says."""
        return self.folder.parent if self.folder is not None else None

    @property
    def clone_maker(self) -> str | None:
        """What makes the clones for its rehearsals; for the own set of DAGs what the installation's settings name now."""
        return self.clone if self.name else own_clone()

    @cached_property
    def stamp(self) -> str:
        """The folder with a digest of its contents, as forms name it; read once, because two forms of a parse show it."""
        return stamp(self.migrations, self.label)

    def refuse_target(self, target: str) -> None:
        """Raise NotOfProjectError unless the project has that target."""
        if self.targets and target not in self.targets:
            raise NotOfProjectError(target, self.name, self.targets)

    def refuse_closed(self, at: datetime) -> None:
        """Raise OutsideWindowError unless the project's databases may be changed at that moment."""
        if self.window is not None and not self.window.is_open(at):
            raise OutsideWindowError(self.name, self.window.text, self.window.local(at), self.window.next_opening(at))


def defaults_of(defaults: Mapping[str, Any], conf: type[Conf]) -> dict[str, Any]:
    """Those of a project's defaults that are for this conf."""
    return {name: value for name, value in defaults.items() if name in _WITH_DEFAULTS.get(conf, ())}


def valid_name(name: str) -> str:
    """The name, if a project can have it. Raises ValueError with a sentence."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            "its name must begin with a small letter and hold only small letters, digits and _, 60 at most"
        )
    if name in _OWN_NAMES:
        raise ValueError(f"its DAGs would have the names of {', '.join(OWN.all)}, which are taken; choose another name")
    return name


def make_project(name: str, settings: ProjectSettings, roots: tuple[Path, ...]) -> Project:
    """The project that these settings describe. A relative path is looked for below each of `roots`, the first that has it.

    Raises ValueError with a sentence for a name that a project cannot have, or a path that leads nowhere.
    """
    return Project(
        name=valid_name(name),
        targets=(settings.target, *settings.targets),
        folder=_find_path(settings.migrations, roots, "migrations"),
        label=settings.migrations,
        ledger=settings.ledger,
        defaults=settings.defaults,
        thresholds=_find_path(settings.thresholds, roots, "thresholds") if settings.thresholds else None,
        schedule=settings.schedule,
        pool=settings.pool,
        owner=settings.owner,
        tags=tuple(settings.tags),
        roles=settings.roles,
        approvers=tuple(settings.approvers),
        window=parse_window(settings.window) if settings.window else None,
        notices=tuple(settings.notices),
        contacts=settings.contacts,
        clone=settings.clone,
    )


def _find_path(written: str, roots: tuple[Path, ...], what: str) -> Path:
    for root in roots:
        if (path := root / written).exists():
            return path
    looked = ", ".join(dict.fromkeys(str(root / written) for root in roots))
    raise ValueError(f"'{what}' leads nowhere: there is no {looked}")
