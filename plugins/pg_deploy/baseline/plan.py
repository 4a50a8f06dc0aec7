"""Which migrations a baseline would adopt, which it leaves alone, and which it refuses."""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.baseline.errors import RolledBackMigrationError, UnfinishedMigrationError
from pg_deploy.configuration.conf import BaselineConf
from pg_deploy.errors import EditedAfterDeploymentError, PgDeployError
from pg_deploy.migrations.errors import InvalidMigrationsError, UnknownMigrationError
from pg_deploy.migrations.manifest import UNPROTECTED
from pg_deploy.migrations.migration import Folder, Migration, MigrationFile, load
from pg_deploy.migrations.names import order
from pg_deploy.preflight.errors import HistoryMismatchError
from pg_deploy.preflight.migration_standings import Standing, State


@dataclass(frozen=True)
class Adoption:
    """The migrations that would be adopted, in order; the lines and warnings that a person should read before; every fault."""

    adopt: tuple[Migration, ...]
    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    faults: tuple[PgDeployError, ...]


def plan_adoption(folder: Folder, state: State, conf: BaselineConf) -> Adoption:
    """Which of the folder's migrations the conf adopts on a target in `state`. Reads files only; raises nothing."""
    judged, settled = folder.judged(state.elsewhere)
    faults: list[PgDeployError] = list(judged)
    named = set(conf.migrations)
    known = {name for file in folder.files for name in (file.version, file.stem)}
    known |= {name for stem in folder.faulty for name in (stem, stem.split("_", 1)[0])}
    stems = [file.stem for file in folder.files]
    asked_for = [*conf.migrations, *([conf.up_to] if conf.up_to else [])]
    faults += [UnknownMigrationError(name, stems) for name in asked_for if name not in known]
    chosen = [
        file
        for file in folder.files
        if (not named or {file.version, file.stem} & named)
        and (not conf.up_to or order(file.version) <= order(conf.up_to.split("_", 1)[0]))
    ]
    adopt: list[Migration] = []
    lines: list[str] = []
    warnings = list(settled)
    for file in chosen:
        standing = state.standing(file.version)
        fault = _fault(file, state, standing, conf, is_named=bool({file.version, file.stem} & named))
        if fault is not None:
            faults.append(fault)
        elif standing in (Standing.DEPLOYED, Standing.BASELINED):
            lines.append(f"{file.stem} is {standing.value}: left alone")
        else:
            try:
                migration, unread = load_applied(file)
            except InvalidMigrationsError as several:
                faults += several.faults
                continue
            adopt.append(migration)
            lines.append(f"{file.stem} is {standing.value}: to be adopted as it is, not verified")
            warnings += [f"{file.stem} is adopted without its companion: {sentence}" for sentence in unread]
    warnings += _gaps(folder, state, [migration.version for migration in adopt])
    missing = sorted(set(state.history) - {name for name in known if name.isdigit()})
    if missing:
        warnings.append(f"the history holds version {', '.join(missing)} without a file: a deployment will refuse that")
    return Adoption(tuple(adopt), tuple(lines), tuple(warnings), tuple(faults))


def _fault(
    file: MigrationFile, state: State, standing: Standing, conf: BaselineConf, *, is_named: bool
) -> PgDeployError | None:
    attempt = state.attempts.get(file.version)
    if standing is Standing.GONE:
        return HistoryMismatchError(file.stem, file.version)
    if standing is Standing.UNFINISHED and attempt is not None and not (is_named and conf.finished_by_hand):
        return UnfinishedMigrationError(file.stem, attempt.state)
    if standing is Standing.ROLLED_BACK and not is_named:
        return RolledBackMigrationError(file.stem)
    if (
        standing in (Standing.DEPLOYED, Standing.BASELINED)
        and attempt is not None
        and not file.is_text_of(attempt.sql_hash)
    ):
        return EditedAfterDeploymentError(file.stem)
    return None


def load_applied(file: MigrationFile) -> tuple[Migration, tuple[str, ...]]:
    """The migration, and its faults as sentences if only its SQL has any. Raises InvalidMigrationsError for all others.

    SQL that was written for psql is no reason not to adopt a migration; then it is adopted without its companion.
    """
    try:
        return load(file), ()
    except InvalidMigrationsError as several:
        of_sql = [fault for fault in several.faults if getattr(fault, "file", None) == file.path.name]
        if len(of_sql) < len(several.faults):
            raise
        return Migration(file, (), UNPROTECTED, False, (), (), None), tuple(str(fault) for fault in of_sql)


def _gaps(folder: Folder, state: State, adopted: list[str]) -> list[str]:
    """A warning for each pending migration that is older than an adopted one: a deployment takes it only out of order."""
    newest = max(adopted, key=order, default="")
    return [
        f"{file.stem} is older than {newest} and stays pending: to deploy it later needs out_of_order"
        for file in folder.files
        if newest
        and order(file.version) < order(newest)
        and file.version not in adopted
        and state.standing(file.version) is Standing.PENDING
    ]
