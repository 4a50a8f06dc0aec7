"""Every failure that the engine reports on purpose, one class each.

The message of each is one sentence: the object in quotes, what happened, what to do next. The fields hold the same facts
for callers that want to act on them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pg_deploy.secrecy import without_secrets

if TYPE_CHECKING:
    import psycopg

    from pg_deploy.parsing.statements import Statement


class PgDeployError(Exception):
    """Base of all failures with a message written for the engineer on call."""


# ---------------------------------------------------------------------------------------------------------------- files


class MigrationNameError(PgDeployError):
    """A file whose name is off the pattern; `problem` says how, and what to do."""

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        super().__init__(f'"{file}" is not named like a migration: {problem}')


class ManyNamesError(PgDeployError):
    """Many files with the same fault in their names, and the command that mends all."""

    def __init__(self, files: Sequence[str], problem: str, command: str) -> None:
        self.files = tuple(files)
        super().__init__(
            f'"{files[0]}", "{files[1]}" and {len(files) - 2} more are not named like migrations: {problem}; rename all of them, in '
            f"the folder, by `{command}`, which changes neither version nor order"
        )


class UnreadableFileError(PgDeployError):
    """A file that cannot be read at all."""

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        super().__init__(
            f'"{file}" cannot be read: {problem}; bring the file back (a submodule, a share or a checkout that is not complete), '
            "or take the name out of the folder"
        )


_ADOPTED = "; what that tool has applied to this database already is then adopted by `make baseline`, before the first deployment"


class ForeignFileError(PgDeployError):
    """A file of another migration tool, whose rollback would be run as a change.

    `back` is the line and the mark after which it stands; `is_back`: the whole file is one; `dump`: a schema as a whole;
    `place`: what it would be called here, where it is known by its name.
    """

    def __init__(
        self,
        file: str,
        line: int,
        tool: str,
        mark: str,
        *,
        back: tuple[int, str] | None = None,
        is_back: bool = False,
        dump: bool = False,
        place: str = "",
    ) -> None:
        self.file = file
        self.line = line
        self.tool = tool
        stem = file.removesuffix(".sql")
        if place and is_back:
            what = f'"{file}" is named like the rollback of a migration of {tool}, which would be run here as a change'
            todo = f"move it to {place}/rollback.sql, beside the migration that it undoes"
        elif place:
            what = f'"{file}" is named like a migration of {tool}, which keeps its rollback and its history elsewhere'
            todo = f"rename it to {place}.sql, and put its rollback into {place}/rollback.sql; the order must stay as it is"
            if file[:3].lower() == "r__":
                todo += ", and it is run once here, not after each change"
        elif dump:
            what = (
                f'"{file}" line {line} ("{mark}") is the end of a schema as {tool} dumps it: the whole database, and what that '
                "tool remembers as done"
            )
            todo = "leave it out of the folder and write what is to change into a file of its own"
        else:
            what = f'"{file}" line {line} ("{mark}") is a file of {tool}'
            if back is not None:
                what += (
                    f': what follows line {back[0]} ("{back[1]}") is its rollback, and would be run here as a change'
                )
                todo = f'move what follows line {back[0]} into {stem}/rollback.sql and delete the lines like "{mark}", which mark the parts'
                if tool == "Liquibase":
                    # There the rollback stands in the mark itself, and what follows is the next change.
                    what = what.partition(": what follows")[0] + (
                        f': line {back[0]} ("{back[1]}") says in a comment how it is rolled back, and nobody here reads it'
                    )
                    todo = (
                        'write a file <14 digits>_<name>.sql for each changeset, without the lines that mark it ("--liquibase …", '
                        '"--changeset …"), and what its lines "--rollback …" say, without '
                        'that word, into <14 digits>_<name>/rollback.sql (of "empty" and "not required" none)'
                    )
                if "no transaction" in mark.lower():
                    todo += "; what cannot run in a transaction runs outside of one here without being told"
            else:
                what += ", which keeps its own history, and its rollback where nobody here looks for it"
                todo = f"delete the lines that mark it, and put its rollback, if it has one, into {stem}/rollback.sql"
        super().__init__(
            f"{what}; {todo}{_ADOPTED}; or go on deploying this folder with that tool. For now nothing was run"
        )


class ForeignFolderError(PgDeployError):
    """A folder of another migration tool."""

    def __init__(self, folder: str, tool: str, evidence: str, todo: str) -> None:
        self.folder = folder
        self.tool = tool
        super().__init__(
            f'"{folder}" is a folder of {tool}: {evidence}; {todo}{_ADOPTED}; or go on deploying it with that tool. '
            "For now nothing was run"
        )


class DuplicateVersionError(PgDeployError):
    """Several files of one version. `renames`: to which version each but one is renamed, which leaves the order as it is.

    `taken` are the versions of the folder; `kept`: the file that the history means.
    """

    def __init__(
        self,
        version: str,
        files: Sequence[str],
        renames: Mapping[str, str],
        *,
        taken: frozenset[str] = frozenset(),
        kept: str = "",
    ) -> None:
        self.version = version
        self.files = tuple(files)
        self.taken = taken
        quoted = " and ".join(f'"{file}"' for file in files)
        said = ", ".join(
            f'"{old}" to "{free}_{old.removesuffix(".sql").split("_", 1)[1]}.sql"' for old, free in renames.items()
        )
        conf = json.dumps({"migrations": list(renames.values())})
        meant = f', and means "{kept}" by it' if kept else ""
        super().__init__(
            f"{quoted} have the same version {version}, and the history keeps a version once{meant}; rename, for example, {said} "
            "(and the folder of the same name beside each, where there is one), and where their change is in the database "
            "already, adopt it before you deploy: "
            f"make baseline CONF='{conf}', or baseline_migrations with that conf"
        )


class NotUtf8Error(PgDeployError):
    """A file that is not UTF-8: what it is instead, and how it becomes UTF-8. `caret_text` shows the place, where there is one."""

    def __init__(self, file: str, line: int, what: str, todo: str, *, column: int = 1, caret_text: str = "") -> None:
        self.file = file
        self.line = line
        shown = f":\n{caret_text}" if caret_text else ""
        super().__init__(f'"{file}" line {line}, column {column} is not UTF-8, {what}; {todo}{shown}')


class OrphanCompanionError(PgDeployError):
    """A companion folder without its migration."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        super().__init__(
            f'folder "{stem}" has no "{stem}.sql" beside it; rename it to its migration\'s name or delete it'
        )


class UnknownBenchmarkError(PgDeployError):
    """migration.yaml names a benchmark that has no file."""

    def __init__(self, name: str, stem: str) -> None:
        self.name = name
        self.stem = stem
        super().__init__(
            f'"{stem}/migration.yaml" names the benchmark "{name}", but there is no benchmarks/{name}.sql; '
            "write it or take the entry out"
        )


class UnknownProofError(PgDeployError):
    """migration.yaml lets a criterion rest on a check or benchmark that has no file."""

    def __init__(self, name: str, stem: str) -> None:
        self.name = name
        self.stem = stem
        super().__init__(
            f'"{stem}/migration.yaml" lets a criterion rest on "{name}", but there is neither verify/{name}.sql nor '
            f"benchmarks/{name}.sql; correct the name"
        )


class UnknownDirectiveError(PgDeployError):
    """A first line such as `-- check: wirtes`."""

    def __init__(self, file: str, word: str, known: Sequence[str]) -> None:
        self.file = file
        self.word = word
        super().__init__(f'"{file}" says "{word}" in its first line, which means nothing; use {" or ".join(known)}')


class UnknownMigrationError(PgDeployError):
    """A version, stem or folder that is not there."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        there = f"; there are: {', '.join(known[-5:])}" if known else "; set MIGRATIONS_DIR to a folder of migrations"
        super().__init__(f'"{name}" was not found{there}')


class InvalidManifestError(PgDeployError):
    """A migration.yaml that cannot be used."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f'"{path.parent.name}/{path.name}" cannot be used: {problem}; correct it and trigger again')


class InvalidDurationError(PgDeployError, ValueError):
    """A duration that is not written as a number and a unit."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(f'"{text}" is not a duration; write a number and ms, s, min or h, for example "10 min"')


class InvalidMigrationsError(PgDeployError):
    """All faults of a folder at once, so that they can be mended at once."""

    def __init__(self, faults: Sequence[PgDeployError]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))


class PinnedContentChangedError(PgDeployError):
    """The files are no longer those that preflight pinned."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        super().__init__(
            f'"{stem}" was changed on disk after this run began; nothing of it was run: trigger a new run, which reads it anew'
        )


class FolderChangedError(PgDeployError):
    """The tasks see another folder than the one that the run was triggered for."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected = expected
        self.found = found
        super().__init__(
            f'the migrations folder is "{found}", but this run was triggered for "{expected}"; '
            "wait until the DAG was parsed again (a few seconds) and trigger a new run"
        )


# ---------------------------------------------------------------------------------------------------------- connections


class ConnectionFailedError(PgDeployError):
    """The target could not be reached or refused the login."""

    def __init__(self, target: str, problem: str) -> None:
        self.target = target
        super().__init__(
            f'cannot connect to target "{target}": {problem}; check the host, port, user and password of the Airflow connection'
        )


class UnknownTargetError(PgDeployError):
    """No Airflow connection of that name."""

    def __init__(self, target: str) -> None:
        self.target = target
        super().__init__(
            f'there is no Airflow connection "{target}"; create it under Admin > Connections (type Postgres), '
            "or choose another target"
        )


class ConnectionLostError(PgDeployError):
    """The connection broke while a statement ran or committed: what it did is found out from the database."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        self.file = file
        self.line = line
        super().__init__(
            f'the connection was lost at "{file}" line {line} ({problem}); trigger a new run: it looks at the database '
            "first and goes on from there"
        )


class NotWritableError(ConnectionFailedError):
    """The server that the address leads to takes no writes; nothing is wrong with the migration."""

    def __init__(self, target: str, reason: str, waited_s: float) -> None:
        self.target = target
        PgDeployError.__init__(
            self,
            f'the server behind target "{target}" takes no writes after {waited_s:.0f} s: {reason}; nothing was changed by this '
            "try. See that the address leads to the primary and that its disk has room, then trigger a new run",
        )


class OtherServerError(PgDeployError):
    """The connection leads to another cluster than the one that the deployment began on."""

    def __init__(self, target: str, began: str, now: str) -> None:
        super().__init__(
            f'this is another server: the deployment began on the cluster {began}, and target "{target}" leads to {now} now, '
            "which is no standby of it; nothing was done here. Find out where the address leads, then trigger a new run"
        )


class TwoServersError(ConnectionLostError):
    """Two sessions of one task are on two servers: the address leads to both."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__("the session", 0, f"two servers answer at one address: {first}, and {second}")


class ServerRefusedError(PgDeployError):
    """The server refused what the engine itself asked, not a migration."""

    def __init__(self, sqlstate: str | None, said: str, remedy: str) -> None:
        self.sqlstate = sqlstate
        super().__init__(f"the server refused what was asked of it: {said} (SQLSTATE {sqlstate or 'none'}); {remedy}")


# ------------------------------------------------------------------------------------------------------------ ownership


class TargetBusyError(PgDeployError):
    """Another run holds the target."""

    def __init__(self, airflow_run: str, host: str, phase: str, good_until: datetime | None) -> None:
        self.airflow_run = airflow_run
        self.phase = phase
        self.good_until = good_until
        until = f", good until {good_until:%Y-%m-%d %H:%M:%S %Z}" if good_until else ""
        super().__init__(
            f'run "{airflow_run}" on {host} holds the target, in phase "{phase}"{until}; '
            "wait for it to end, or end it, and trigger again"
        )


class DeploymentLostError(PgDeployError):
    """This run no longer holds the target."""

    def __init__(self, deployment_id: int | None, why: str) -> None:
        self.deployment_id = deployment_id
        super().__init__(
            f"deployment {deployment_id or '?'} no longer holds the target: {why}; nothing more is done by this run, "
            "look at the newer run or trigger a new one"
        )


class LockNotFreeError(PgDeployError):
    """The deploy lock stayed with somebody else."""

    def __init__(self, holder: str, waited_s: float) -> None:
        self.holder = holder
        super().__init__(
            f"the deploy lock is still held by {holder} after {waited_s:.0f} s; wait for that session to end, or end it, "
            "and trigger again"
        )


class LedgerTooNewError(PgDeployError):
    """The ledger was written by a newer version of the engine."""

    def __init__(self, found: int, known: int) -> None:
        self.found = found
        super().__init__(
            f'the ledger "deploy_ledger" has revision {found}, this engine knows {known}; upgrade pg_deploy before deploying'
        )


class AttemptStateError(PgDeployError):
    """The ledger holds another state than the caller saw: somebody else worked on it."""

    def __init__(self, stem: str, seen: str, wanted: str) -> None:
        super().__init__(
            f'the attempt at "{stem}" is no longer "{seen}" and so cannot become "{wanted}"; '
            "another run worked on it: look at the newest run"
        )


# ------------------------------------------------------------------------------------------------------------ execution


class StatementFailedError(PgDeployError):
    """PostgreSQL refused a statement."""

    def __init__(self, message: str, *, file: str, line: int, sqlstate: str | None) -> None:
        self.file = file
        self.line = line
        self.sqlstate = sqlstate
        super().__init__(message)

    @classmethod
    def from_server(
        cls,
        error: psycopg.Error,
        file: str,
        text: str,
        statement: Statement,
        duplicates: Sequence[str] = (),
        todo: str = "",
        *,
        is_written: bool = True,
    ) -> StatementFailedError:
        """The server's words with the file, the line and, where the server says the place, a caret; `todo`: the way out.

        `is_written`: somebody wrote the text, and can correct it.
        """
        diag = error.diag
        line, caret = statement.line, ""
        start = text.find(statement.sql)
        if diag.statement_position and start >= 0:
            place = start + int(diag.statement_position) - 1
            before = text[:place]
            line = before.count("\n") + 1
            column = place - (before.rfind("\n") + 1)
            source = text.splitlines()[line - 1] if text.splitlines() else ""
            caret = f"\n    {source.rstrip()}\n    {' ' * column}^\n"
        extra = "".join(
            f"; {label}: {' '.join(value.split()).rstrip('.')}"
            for label, value in (("detail", diag.message_detail), ("hint", diag.message_hint))
            if value
        )
        if duplicates:
            extra += f"; keys that occur more than once: {', '.join(duplicates)}"
        primary = " ".join((diag.message_primary or str(error)).split())
        then = f"{todo}\n  then trigger a new run" if todo else "correct the file and trigger a new run"
        # What to do is read last: below the place, where there is one.
        then = "" if not is_written else f"  {then}" if caret else f"; {then}"
        message = f'"{file}" line {line} failed: {primary} (SQLSTATE {error.sqlstate or "unknown"}){extra}{caret}{then}'.rstrip()
        return cls(without_secrets(message), file=file, line=line, sqlstate=error.sqlstate)


class ProcedureCommitsError(PgDeployError):
    """A CALL, in a transaction, of a procedure that commits."""

    def __init__(self, file: str, line: int, procedure: str, summary: str) -> None:
        self.file = file
        self.line = line
        self.procedure = procedure
        super().__init__(
            f'"{file}" line {line}: procedure "{procedure}" commits, which no transaction lets it do, and this part of the file is '
            f"one; let the call run alone, by this comment right before it (it is then not repeated by itself):\n"
            f"    -- pg_deploy: outside a transaction\n    {summary};"
        )


class LockNotObtainedError(PgDeployError):
    """A lock could not be had in many tries."""

    def __init__(self, summary: str, file: str, line: int, waited_s: float, blockers: Sequence[str]) -> None:
        self.blockers = tuple(blockers)
        behind = f", last blocked by {'; '.join(blockers)}" if blockers else ""
        super().__init__(
            f'"{summary}" ({file} line {line}) did not get its lock in {waited_s:.0f} s of tries{behind}; '
            "nothing of this transaction took effect: end the blocking session or choose a quieter hour, and trigger again"
        )


class LockBudgetExceededError(PgDeployError):
    """A transaction would hold a strong lock for longer than the budget."""

    def __init__(self, summary: str, file: str, line: int, budget_s: float, *, locked_by: int) -> None:
        self.budget_s = budget_s
        whose = (
            f'"{summary}" ({file} line {line}) holds a strong lock'
            if locked_by == line
            else f"{file} line {locked_by} takes a strong lock, which the transaction holds to its end, and line {line} "
            f'("{summary}") goes on'
        )
        todo = (
            "split it into steps that do not block"
            if locked_by == line
            else f"put line {line} into a file of its own, which is a transaction of its own"
        )
        super().__init__(
            f"{whose} for longer than the lock budget of {budget_s:g} s without waiting for anybody, so it was aborted before the "
            f"application stalled: {todo}; where the application can wait that long, declare `holds_lock: <duration>` in the "
            "companion's migration.yaml"
        )


class HeldUpError(PgDeployError):
    """A transaction whose statements were quick, and that was never committed within the budget because of what we do beside them."""

    def __init__(self, file: str, line: int, budget_s: float, waited_s: float) -> None:
        super().__init__(
            f"{file} line {line}: its statements were quick, but what is looked at before the commit took longer than the rest of "
            f"the lock budget of {budget_s:g} s, in each of the tries of {waited_s:.0f} s: nothing of this transaction took effect; "
            "trigger again when worker and server are less busy, or with a longer `lock_budget`"
        )


class InvalidIndexError(PgDeployError):
    """An index that was built and cannot be used."""

    def __init__(self, index: str) -> None:
        self.index = index
        super().__init__(f'index "{index}" is in the catalog but invalid; roll back, which drops it, and deploy again')


class InvalidIndexInTheWayError(PgDeployError):
    """An invalid index of the wanted name was there before; `builder` is the pid that is building it just now, if any."""

    def __init__(self, index: str, builder: int | None = None) -> None:
        self.index = index
        self.builder = builder
        if builder is not None:
            super().__init__(
                f'index "{index}" is being built by somebody else right now, pid {builder}; wait until that build has ended, '
                "then trigger again, or give the migration's index another name"
            )
            return
        super().__init__(
            f'index "{index}" exists already and is invalid, left by an earlier failed build, and the migration would take '
            f"it for done; run `drop index concurrently {index};` and trigger again"
        )


class NotWatchedError(PgDeployError):
    """What a statement locks shows only when it runs, and there was no session to watch it with."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            "what this part of the migration locks shows only when it runs, and no session could be opened to watch it, so it "
            f"was not begun: {reason}; free a connection, or raise the role's connection limit, then trigger again"
        )


class StandbyGoneError(PgDeployError):
    """Commits wait for a synchronous standby that is not there."""

    def __init__(self, names: str, waited_s: float) -> None:
        self.names = names
        super().__init__(
            f'commits wait for a synchronous standby ("{names}") and none is connected, so a lock would be held until it is back: '
            f"nothing was begun after {waited_s:.0f} s; bring the standby back or change synchronous_standby_names, "
            "then trigger again"
        )


class UncertainStatementError(PgDeployError):
    """A statement outside a transaction may or may not have run, and no catalog shows it."""

    def __init__(self, summary: str, line: int) -> None:
        self.summary = summary
        super().__init__(
            f'"{summary}" (line {line}) was begun by an earlier try, and the catalog does not show whether it took effect; '
            "look at the database, then finish it by hand and adopt the version with `make baseline` and finished_by_hand"
        )


# ----------------------------------------------------------------------------------------------------- verify, rollback


class VerificationFailedError(PgDeployError):
    """Checks that found something, or limits that were breached."""

    def __init__(self, stem: str, failures: Sequence[str], *, on_copy: bool = False) -> None:
        self.failures = tuple(failures)
        listed = "".join(f"\n  - {each}" for each in failures)
        super().__init__(
            f"it ran on the copy, and what it promises does not hold there:{listed}"
            if on_copy
            else f'"{stem}" is applied but not as promised:{listed}\nit is rolled back unless on_failure says stop'
        )


class SealedError(PgDeployError):
    """A text of the ledger that was sealed under a key which this Airflow does not have."""

    def __init__(self) -> None:
        super().__init__(
            "the ledger holds texts with secrets, sealed under another key than this Airflow's: add the key of the Airflow that "
            "deployed them, behind this one's own, as `[core] fernet_key = <this>,<that>`, then trigger again"
        )


class RollbackMissingError(PgDeployError):
    """A migration took effect and brings nothing that undoes it."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        super().__init__(
            f'"{stem}" took effect and has no rollback.sql, so nothing was undone; write its rollback.sql and trigger again, '
            "or mend it with a new migration"
        )


class RollbackRefusedError(PgDeployError):
    """A rollback would drop what was there before the migration."""

    def __init__(self, stem: str, objects: Sequence[str]) -> None:
        self.objects = tuple(objects)
        named = ", ".join(f'"{name}"' for name in objects)
        super().__init__(
            f'the rollback of "{stem}" would drop {named}, which was there before the migration, so it was not committed; '
            "correct its rollback.sql"
        )


class RollbackNotProvenError(PgDeployError):
    """After the rollback the catalog is not as it was."""

    def __init__(self, stem: str, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        shown = "; ".join(differences[:10])
        more = f"; and {len(differences) - 10} more" if len(differences) > 10 else ""
        super().__init__(
            f'the rollback of "{stem}" ran, but the database is not as it was before: {shown}{more}; '
            "mend these by hand, or correct rollback.sql and trigger again"
        )


class HistoryMismatchError(PgDeployError):
    """Ledger and history disagree in a way that only a person can settle."""

    def __init__(self, stem: str, version: str) -> None:
        super().__init__(
            f'"{stem}" was verified by an earlier deployment but is gone from supabase_migrations.schema_migrations; '
            f"if it is still in place, run `supabase migration repair --status applied {version}`, else restore it from "
            "the backup, and trigger again"
        )


class EditedAfterDeploymentError(PgDeployError):
    """A deployed file was changed. `differing`: the lines, `-` as deployed and `+` as in the file, where both are known."""

    def __init__(self, stem: str, differing: Sequence[str] = ()) -> None:
        self.stem = stem
        shown = "".join(f"\n    {line}" for line in differing)
        super().__init__(
            f'"{stem}.sql" was edited after it was deployed; restore the deployed text and put the change into a new migration'
            + (f" (- as deployed, + as it is now):{shown}" if shown else "")
        )


class MissingFileError(PgDeployError):
    """The history holds a version that has no file."""

    def __init__(self, versions: Sequence[str]) -> None:
        self.versions = tuple(versions)
        super().__init__(
            f"the history holds version {', '.join(versions)}, but the folder has no such file; add the missing file "
            "(git pull, or `supabase migration fetch`), or take the version out with "
            f"`supabase migration repair --status reverted {versions[0]}`"
        )


class OutOfOrderError(PgDeployError):
    """An older version is pending than the newest applied one."""

    def __init__(self, stems: Sequence[str], newest: str) -> None:
        self.stems = tuple(stems)
        named = ", ".join(f'"{stem}"' for stem in stems)
        super().__init__(
            f"{named} {'is' if len(self.stems) == 1 else 'are'} older than the newest applied version {newest}; rename to a later time "
            """stamp, or let the run take what stands there, by CONF='{"out_of_order": true}'"""
        )


class UnknownConfError(PgDeployError):
    """A key in the run's conf that no Param declares."""

    def __init__(self, keys: Sequence[str], known: Sequence[str]) -> None:
        self.keys = tuple(keys)
        named = ", ".join(f'"{key}"' for key in keys)
        super().__init__(f"the conf holds the unknown key {named}; known keys: {', '.join(known)}")


class InvalidConfError(PgDeployError):
    """A value in the run's conf that cannot be used."""

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        super().__init__(f'conf key "{key}" {problem}')


class ApprovalRejectedError(PgDeployError):
    """A person said no."""

    def __init__(self, stem: str, by: str) -> None:
        super().__init__(f'"{stem}" was rejected by {by}, so it was not applied; nothing of it took effect')


class TouchesLedgerError(PgDeployError):
    """A migration names what says whether it is deployed."""

    def __init__(self, file: str, line: int, schema: str) -> None:
        self.file = file
        self.line = line
        super().__init__(
            f'"{file}" line {line} names the schema "{schema}", which says what is deployed here and is written by nobody but us; '
            "remove that, or say in migration.yaml why it must: touches_ledger: <reason>"
        )


class NoStatementsError(PgDeployError):
    """The ledger says verified, and holds none of the statements that would have to have run."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        super().__init__(
            f'the ledger calls "{stem}" verified, but none of its statements ended, so that is not believed; find out who wrote '
            "that row, look whether the change is in the database, then delete the row, or adopt the version with `make baseline`"
        )


class NotPermittedError(PgDeployError):
    """The ledger does not hold what a run must have before it changes anything."""

    def __init__(self, stem: str, lacking: Sequence[str]) -> None:
        self.stem = stem
        self.lacking = tuple(lacking)
        super().__init__(
            f'"{stem}" may not be applied by this run: {"; ".join(lacking)}; nothing of it was begun. What Airflow says of a task '
            "does not count; trigger a new run"
        )


class RunOverError(PgDeployError):
    """A task of a run that has ended its deployment is asked to begin it anew."""

    def __init__(self, airflow_run: str, deployment_id: int, state: str) -> None:
        self.deployment_id = deployment_id
        super().__init__(
            f'run "{airflow_run}" has ended its deployment {deployment_id} as {state}, so clearing its preflight begins nothing; '
            "trigger a new run"
        )


class NoClaimError(PgDeployError):
    """A task needs the target, and what preflight handed on is not there."""

    def __init__(self, airflow_run: str) -> None:
        super().__init__(
            f'preflight of run "{airflow_run}" did not take the target, or what it handed on is gone, whatever its state in '
            "Airflow is: nothing is done; trigger a new run"
        )


class PreflightError(PgDeployError):
    """All that stands in the way of a run, at once."""

    def __init__(self, faults: Sequence[PgDeployError]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))


class NotDeployedError(PgDeployError):
    """Not everything that the run pinned is deployed."""

    def __init__(self, states: Sequence[str]) -> None:
        self.states = tuple(states)
        super().__init__(f"not everything is deployed: {'; '.join(states)}")


class OldBackendError(PgDeployError):
    """A backend of an earlier try does not end."""

    def __init__(self, pids: Sequence[int]) -> None:
        self.pids = tuple(pids)
        super().__init__(
            f"the backend of an earlier try, pid {', '.join(map(str, pids))}, does not end; end it with "
            "pg_terminate_backend as a superuser and trigger again"
        )


class SqlError(PgDeployError):
    """The SQL of a file cannot be taken as it is."""

    def __init__(self, file: str, line: int, message: str) -> None:
        self.file = file
        self.line = line
        super().__init__(message)


class SqlSyntaxError(SqlError):
    """PostgreSQL's parser refuses the file.

    `caret_text` is the line with a caret under the place; columns count from 1.
    """

    def __init__(self, file: str, line: int, column: int, caret_text: str, reason: str) -> None:
        self.column = column
        self.caret_text = caret_text
        self.reason = reason
        super().__init__(file, line, f'"{file}" line {line}, column {column}: {reason}:\n{caret_text}')


class FileTooLargeError(PgDeployError):
    """A file is larger than what this worker reads and keeps at once."""

    def __init__(self, file: str, size_mb: float, largest_mb: int) -> None:
        self.file = file
        super().__init__(
            f'"{file}" is {size_mb:.0f} MB, and files above {largest_mb} MB are not read into memory and the ledger: cut it into several '
            "with later versions, or load the rows outside the migrations with `psql -c '\\copy …'`; a worker with ten bytes of memory for "
            "each byte of it may take it: PG_DEPLOY_LARGEST_FILE_MB in the environment of Airflow"
        )


class EmptyMigrationError(PgDeployError):
    """A file holds no statement."""

    def __init__(self, file: str) -> None:
        self.file = file
        super().__init__(
            f'"{file}" holds no SQL statement, so nothing would show that it ran; write one, `select;` where the file is to keep its '
            "place in the history, or remove the file"
        )


class TransactionControlError(SqlError):
    """A file begins or ends transactions itself."""

    def __init__(self, file: str, line: int, statement: str, remedy: str) -> None:
        self.statement = statement
        self.remedy = remedy
        super().__init__(file, line, f'"{file}" line {line}: "{statement}" controls the transaction, {remedy}')


class PsqlCommandError(SqlError):
    """A file holds a command of psql, which no server understands."""

    def __init__(self, file: str, line: int, command: str, instead: str) -> None:
        self.command = command
        super().__init__(
            file,
            line,
            f'"{file}" line {line}: "{command}" is a command of psql that no server understands; {instead}',
        )


class CopyDataError(SqlError):
    """A file copies from the client, or to it."""

    def __init__(self, file: str, line: int, statement: str, also: str = "") -> None:
        self.statement = statement
        super().__init__(
            file,
            line,
            f'"{file}" line {line}: "{statement}" exchanges data with psql, write the rows as an insert instead '
            f"(`pg_dump --inserts` writes them so){also}",
        )


class CatalogTransactionError(PgDeployError):
    """The catalog was to be read on a connection whose transaction is not in the state that the reader needs."""

    def __init__(self, expected: str, found: str) -> None:
        self.expected = expected
        self.found = found
        super().__init__(
            f'the catalog of this connection cannot be read: its transaction status is "{found}" where "{expected}" is '
            "needed; end the open transaction, or read inside it with read_facts_in_transaction"
        )


class CatalogMovedError(PgDeployError):
    """Objects kept disappearing while the catalog was read: somebody else is changing the schema."""

    def __init__(self, attempts: int, reason: str) -> None:
        self.attempts = attempts
        self.reason = reason
        super().__init__(
            f'the catalog changed under each of "{attempts}" attempts to read it ({reason}); wait until nobody else is '
            "changing the schema, then run this task again"
        )


class TransactionPoolerError(PgDeployError):
    """The connection goes through a transaction pooler."""

    def __init__(self, *, host: str, port: int) -> None:
        self.host = host
        self.port = port
        if host.endswith(".pooler.supabase.com"):
            direct = "db.<project-ref>.supabase.co:5432"
            instead = f'the session pooler, "{host}:5432" (not 6543), or the direct connection, "{direct}"'
        elif host.endswith(".supabase.co"):
            instead = f'the direct connection, "{host}:5432" (not {port})'
        else:
            instead = "the server's own port, or a pool with pool_mode = session (Supabase: port 5432, not 6543)"
        super().__init__(
            f'"{host}:{port}" is a transaction pooler, where settings, SET ROLE and advisory locks leak to other '
            f"clients: let the connection use {instead}"
        )


class ServerTooOldError(PgDeployError):
    """The server's major version is not supported."""

    def __init__(self, *, database: str, version_num: int) -> None:
        self.version_num = version_num
        super().__init__(
            f'the server of "{database}" runs PostgreSQL {version_num // 10000}, and deployments need 14 or newer: '
            "upgrade the server first"
        )


class ServerTooNewError(PgDeployError):
    """The server's major version is newer than what this version knows."""

    def __init__(self, *, database: str, version_num: int, newest: int) -> None:
        self.version_num = version_num
        super().__init__(
            f'the server of "{database}" runs PostgreSQL {version_num // 10000}, and this version of pg_deploy knows '
            f"PostgreSQL 14 to {newest}: its catalog and its syntax were not tried, upgrade pg_deploy first"
        )


class StandbyError(PgDeployError):
    """The server is a standby."""

    def __init__(self, *, database: str) -> None:
        super().__init__(
            f'the server of "{database}" is a standby (in recovery) and takes no changes: '
            "let the connection name the primary's host"
        )


class ReadOnlyServerError(PgDeployError):
    """Sessions of this role are read-only by default."""

    def __init__(self, *, database: str, role: str) -> None:
        super().__init__(
            f'sessions of "{role}" in "{database}" are read-only (default_transaction_read_only = on; Supabase sets it '
            "when the disk is full): free disk space or ask who set it, then set it off"
        )


class TooFewConnectionsError(PgDeployError):
    """The server has too few connections left for a deployment."""

    def __init__(self, *, database: str, free: int, needed: int) -> None:
        self.free = free
        self.needed = needed
        super().__init__(
            f'"{database}" has {free} connections left for this role and a deployment needs {needed}: '
            "close idle clients or raise the limit, then run again"
        )


class ExtensionNotInstalledError(PgDeployError):
    """A required extension is on the server but not created in this database."""

    def __init__(self, *, extension: str, database: str, cause: str = "") -> None:
        self.extension = extension
        quoted = extension if extension.isidentifier() and extension.islower() else f'"{extension}"'
        super().__init__(
            f'extension "{extension}" is required and not installed in "{database}": '
            + (cause or f"run `create extension if not exists {quoted};`")
        )


class ExtensionNotAvailableError(PgDeployError):
    """A required extension is not on the server at all."""

    def __init__(self, *, extension: str, database: str) -> None:
        self.extension = extension
        super().__init__(
            f'extension "{extension}" is required and the server of "{database}" does not have it: '
            "install its package on the server, or enable it at your provider, then create it"
        )


class LedgerNotWritableError(PgDeployError):
    """The role cannot make or write the schema where deployments are recorded."""

    def __init__(self, *, role: str, schema: str, database: str, grant: str) -> None:
        self.schema = schema
        super().__init__(
            f'role "{role}" cannot record deployments in schema "{schema}" of "{database}": '
            f"let an administrator run `{grant}`"
        )


class PartlyReadableError(PgDeployError):
    """Row level security hides rows from the deploying role, so a backup by it would not hold everything."""

    def __init__(self, *, role: str, tables: tuple[str, ...]) -> None:
        self.tables = tables
        more = f" and {len(tables) - 3} more" if len(tables) > 3 else ""
        named = ", ".join(f'"{table}"' for table in tables[:3])
        super().__init__(
            f'role "{role}" does not see every row of {named}{more}, so a backup or a rehearsal would miss rows: '
            f'give it BYPASSRLS (`alter role "{role}" bypassrls`) or deploy without backup and rehearsal'
        )


class MissingRightsError(PgDeployError):
    """The role lacks rights that pending statements need."""

    def __init__(self, *, role: str, sentences: tuple[str, ...]) -> None:
        self.sentences = sentences
        super().__init__(
            f'role "{role}" lacks {len(sentences)} right{"s" if len(sentences) != 1 else ""} that the pending migrations '
            "need, grant them or deploy as another role: " + "; ".join(sentences)
        )


class NewMigrationRefused(PgDeployError):
    """The scaffold would not write a new migration and left nothing: `name` is what was asked, `reason` why not."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(f'"{name}" {reason}: {remedy}.')
        self.name = name
        self.reason = reason


# ------------------------------------------------------------------------------------------------- backup and rehearsal


class InvalidSettingError(PgDeployError):
    """A setting of the installation that cannot be used."""

    def __init__(self, name: str, value: str, wanted: str) -> None:
        self.name = name
        super().__init__(f'setting "{name}" is "{value}", which is not {wanted}; correct it where Airflow is started')


class ProgramMissingError(PgDeployError):
    """A program of PostgreSQL that is not on the machine where the task runs."""

    def __init__(self, program: str, major: int) -> None:
        self.program = program
        self.major = major
        package = f"postgresql-client-{major}" if program == "pg_dump" else f"postgresql-{major}"
        instead = "backup: none" if program == "pg_dump" else "rehearse: clone, on_target or none"
        super().__init__(
            f'"{program}" of PostgreSQL {major} was not found on this worker; install {package}, or set PG_DEPLOY_BINDIR to '
            f"its folder, or choose {instead}"
        )


class ProgramTooOldError(PgDeployError):
    """pg_dump refuses servers that are newer than itself."""

    def __init__(self, program: str, major: int, server_major: int) -> None:
        self.program = program
        self.major = major
        self.server_major = server_major
        super().__init__(
            f'"{program}" is of PostgreSQL {major} and the server is {server_major}, which an older pg_dump cannot read; '
            f"install postgresql-client-{server_major} on this worker, or set PG_DEPLOY_BINDIR to its folder"
        )


class ProgramFailedError(PgDeployError):
    """A program of PostgreSQL that ended with an error."""

    def __init__(self, program: str, said: str) -> None:
        self.program = program
        self.said = said
        super().__init__(f'"{program}" failed: {said}; correct that and trigger a new run, nothing was deployed')


class NoWallError(PgDeployError):
    """Nothing would stand between the target's code in a copy and this worker."""

    def __init__(self, target: str, setting: str) -> None:
        self.target = target
        super().__init__(
            f'no rehearsal of "{target}" on this worker: nothing would stand between the code in the copy and the worker\'s files, '
            "network and secrets; install bubblewrap and let this account make namespaces (docs/security.md), choose rehearse: "
            f"clone or none, or accept it for this target by its name with {setting}={target} in the environment of Airflow"
        )


class DiskTooSmallError(PgDeployError):
    """Not enough room for the backup or the copy; sizes in bytes."""

    def __init__(self, folder: str, needed: int, free: int, purpose: str) -> None:
        self.folder = folder
        self.needed = needed
        self.free = free
        super().__init__(
            f'"{folder}" has {free / 2**20:,.0f} MB free and the {purpose} needs about {needed / 2**20:,.0f} MB; make room, or '
            "point BACKUP_URI or PG_DEPLOY_WORKDIR at a larger disk"
        )


class BackupFailedError(PgDeployError):
    """The backup could not be completed; nothing of it was left behind."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        super().__init__(
            f'backup "{name}" could not be completed: {reason}; what was written of it is removed and nothing was deployed, '
            "correct the cause and trigger a new run"
        )


class BackupDamagedError(PgDeployError):
    """A stored backup that is not what was written."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(
            f'backup "{name}" cannot be trusted: {reason}; nothing was touched, take or choose another backup'
        )


class RestoreFailedError(PgDeployError):
    """A restore that raised errors which the manifest does not expect."""

    def __init__(self, name: str, errors: Sequence[str], *, cause: str | None = None) -> None:
        self.name = name
        self.errors = tuple(errors)
        more = f" and {len(errors) - 5} more" if len(errors) > 5 else ""
        super().__init__(
            f'backup "{name}" did not restore: {"; ".join(errors[:5])}{more}; it proves nothing like this, correct the cause '
            f"({cause or 'often an extension that is not installed on this worker'}) and trigger a new run"
        )


class CopyDiffersError(PgDeployError):
    """A copy that is not what the target was."""

    def __init__(self, name: str, differences: Sequence[str]) -> None:
        self.name = name
        self.differences = tuple(differences)
        more = f" and {len(differences) - 5} more" if len(differences) > 5 else ""
        super().__init__(
            f'the copy "{name}" is not what the target is: {"; ".join(differences[:5])}{more}; a rehearsal on it would prove '
            "nothing, so look at the differences and trigger a new run"
        )


class UnreadableTablesError(PgDeployError):
    """Tables that the deploying role may not read, so that it cannot dump them."""

    def __init__(self, role: str, tables: Sequence[str]) -> None:
        self.role = role
        self.tables = tuple(tables)
        more = f" and {len(tables) - 3} more" if len(tables) > 3 else ""
        named = ", ".join(f'"{table}"' for table in tables[:3])
        super().__init__(
            f'role "{role}" may not read {named}{more}, which the backup must hold; grant it select (Supabase: '
            f'`grant pg_read_all_data to "{role}"`), or deploy with backup: none and rehearse: none'
        )


class MaskingFailedError(PgDeployError):
    """A credential column that could not be masked in the copy."""

    def __init__(self, column: str, reason: str) -> None:
        self.column = column
        super().__init__(
            f'column "{column}" could not be masked in the copy: {reason}; the copy was removed, report this or leave the '
            "column out by its name"
        )


class RehearsalFailedError(PgDeployError):
    """A migration that failed on the copy."""

    def __init__(self, stem: str, step: str, reason: str, *, of_the_copy: bool = False) -> None:
        self.stem = stem
        self.step = step
        self.reason = reason
        said = f'"{stem}" failed in the rehearsal, at {step}, and production was not touched: {reason}'
        if of_the_copy:
            said += "; the copy or the connection to it is at fault, not the migration: trigger a new run"
        elif "trigger a new run" not in reason:
            said += ("\n" if "\n" in reason else "; ") + "correct the migration and trigger a new run"
        super().__init__(said)


class ChangesWholeServerError(PgDeployError):
    """A segment that changes what all databases of the server share, rehearsed on the target's own server."""

    def __init__(self, stem: str, what: str) -> None:
        self.stem = stem
        self.what = what
        super().__init__(
            f'"{stem}" changes the whole server ({what}), cannot be rehearsed here; its transaction was aborted, rehearse it '
            "on a private cluster (rehearse: full) or a clone"
        )


class UnfitCloneError(PgDeployError):
    """What rehearsal_db or on_target would use cannot serve for a rehearsal."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        self.name = name
        super().__init__(f'"{name}" cannot serve for the rehearsal: {reason}; {remedy}')


class StopRuleError(PgDeployError):
    """The server stayed too busy for the next segment."""

    def __init__(self, broken: str, waited_s: float) -> None:
        super().__init__(
            f"the next segment was not begun, because after {waited_s:.0f} s still {broken}; "
            "choose a quieter hour or raise the limit, and trigger again"
        )


class OtherDefinitionError(PgDeployError):
    """An index of the wanted name exists, valid, and is another one."""

    def __init__(self, index: str, found: str, wanted: str) -> None:
        self.index = index
        super().__init__(
            f'index "{index}" exists already with another definition, `{found}` where the migration wants `{wanted}`; '
            "give the new index another name, or drop the old one in a migration of its own"
        )


class UnfinishedMigrationError(PgDeployError):
    """A migration to be adopted whose deployment broke off."""

    def __init__(self, stem: str, state: str) -> None:
        self.stem = stem
        self.state = state
        super().__init__(
            f'"{stem}" was begun by a deployment that did not end (state {state}), so it may be half done; run '
            "deploy_migrations, which goes on with it, or finish it by hand, name it in migrations and set "
            "finished_by_hand to true"
        )


class RolledBackMigrationError(PgDeployError):
    """A migration to be adopted that was undone by us."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        super().__init__(
            f'"{stem}" was rolled back by an earlier deployment, so it is not in the database; deploy it, or name it in '
            "migrations if it was applied by hand since"
        )


class NotAdoptedError(PgDeployError):
    """Not everything that the baseline pinned was adopted."""

    def __init__(self, states: Sequence[str]) -> None:
        self.states = tuple(states)
        super().__init__(
            f"not everything is adopted: {'; '.join(states)}; correct what the failed task says and trigger again, which "
            "leaves alone what is adopted already"
        )


class NothingToUndoError(PgDeployError):
    """What a rollback run was asked to undo is not there to be undone: `what` was asked, `reason` why not."""

    def __init__(self, what: str, reason: str, remedy: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__(f'"{what}" {reason}: {remedy}')


class NoRollbackError(PgDeployError):
    """A migration brings no rollback.sql, and the catalog is not enough to make one."""

    def __init__(self, stem: str, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(
            f'"{stem}" brings no rollback.sql and none can be generated, so it was not undone ({"; ".join(reasons)}); '
            "mend it with a new migration, or restore what is lost from the backup"
        )


class UndoableDownToError(PgDeployError):
    """Of a set that was to be undone, how far down that can be done."""

    def __init__(self, stem: str, version: str, above: Sequence[str]) -> None:
        self.version = version
        self.above = tuple(above)
        if above:
            message = f'nothing was undone; {len(above)} of them can be, down to "{stem}": give down_to "{version}"'
        else:
            message = f'nothing was undone, and nothing can be before "{stem}"'
        super().__init__(message)


class NeededByLaterError(PgDeployError):
    """A version cannot be undone while later ones, which are to stay, build on it."""

    def __init__(self, stem: str, later: Sequence[str], objects: Sequence[str]) -> None:
        self.later = tuple(later)
        named = ", ".join(f'"{each}"' for each in later)
        super().__init__(
            f'"{stem}" is needed by {named}, which would stay ({"; ".join(objects[:5])}): '
            "undo those as well, for example with down_to"
        )


class NotUndoneError(PgDeployError):
    """A rollback run ended without everything being undone that it was asked to undo."""

    def __init__(self, failures: Sequence[str]) -> None:
        self.failures = tuple(failures)
        super().__init__("not everything was undone: " + "; ".join(failures))


class AppliedMeanwhileError(PgDeployError):
    """Somebody else recorded the version after this run had looked."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        super().__init__(
            f'"{stem}" was recorded in the history by somebody else since this run began, so it was not applied a second '
            "time; look who did it, then trigger a new run, which takes it for applied elsewhere"
        )


# ------------------------------------------------------------------------------------------------------------- monitor


class ThresholdsError(PgDeployError):
    """The monitor's limits cannot be read."""

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        super().__init__(
            f'"{file}" cannot be used: {problem}; correct it, each key is explained in sql/monitors/thresholds.yaml'
        )


class NotMeasuredError(PgDeployError):
    """The monitor could not measure what it should be able to."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            f'"monitor_database" could not measure everything: {"; ".join(problems)}; read the log of that task, the next'
            " run tries again"
        )


class NewMonitorRefused(PgDeployError):
    """No file is written for a measure of that name."""

    def __init__(self, name: str, problem: str, what_to_do: str) -> None:
        self.name = name
        super().__init__(f'"{name}" {problem}; {what_to_do}')


class NoBackupError(PgDeployError):
    """The backup that was asked for is not in the store."""

    def __init__(self, wanted: str, uri: str, names: Sequence[str]) -> None:
        self.names = tuple(names)
        there = ", ".join(names[-5:]) or "nothing"
        super().__init__(f'"{wanted}" has no backup at {uri}, which holds {there}: name one of those')


class DatabaseTakenError(PgDeployError):
    """A backup is never restored over a database that is there."""

    def __init__(self, database: str) -> None:
        self.database = database
        super().__init__(f'"{database}" exists already, and nothing is restored over it: choose another name')


class InvalidAccessFileError(PgDeployError):
    """A companion's access.yaml cannot be understood."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(
            f'"{path.name}" of "{path.parent.name}" is not valid, {reason}: each entry under `opened` or `changed` has '
            "role, object, command and why"
        )


class NothingToExplainError(PgDeployError):
    """What explain was asked about is not there."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what} was not found, so there is nothing to explain: check the name and the key")


class LockLintError(PgDeployError):
    """squawk could not be asked about the locks of a migration."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f'the lock lint "squawk" did not answer, {reason}: install it with `make test` or `make deploy`, which set up '
            "everything in requirements.txt"
        )


class AccessDiffersError(PgDeployError):
    """Somebody could do more, or less, than the migration declares."""

    def __init__(self, stem: str, sentences: Sequence[str]) -> None:
        self.sentences = tuple(sentences)
        more = [f"and {len(sentences) - 10} more"] if len(sentences) > 10 else []
        listed = "".join(f"\n  - {each}" for each in [*sentences[:10], *more])
        super().__init__(
            f'"{stem}" changes access in a way that it does not declare:{listed}\n'
            "correct the migration, or declare in access.yaml what is meant, then trigger a new run"
        )


class PageUnreadableError(PgDeployError):
    """A page in the UI could not read its target."""

    def __init__(self, target: str, reason: str) -> None:
        self.target = target
        self.reason = reason
        super().__init__(
            f'target "{target}" cannot be read now: {reason}; start the server, mend the network or correct the connection'
        )


class SamePersonError(PgDeployError):
    """With four_eyes, an approval by who triggered the run, or one of which it is not known that it is somebody else's."""

    def __init__(self, stem: str, by: str, actor: str) -> None:
        self.by = by
        self.actor = actor
        super().__init__(
            f'"{stem}" was approved by {by} in a run that {actor} triggered, and four_eyes asks for somebody else: nothing of it '
            "was applied; trigger a new run, and let another person answer"
        )
