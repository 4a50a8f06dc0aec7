"""Failures of migrations and their files, one class each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pg_deploy.errors import PgDeployError


class MigrationNameError(PgDeployError):
    """A file is not named like a migration; `problem` says why, and what to do."""

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        super().__init__(f'"{file}" is not named like a migration: {problem}')


class ManyNamesError(PgDeployError):
    """Many files have the same fault in their names; `command` mends them all."""

    def __init__(self, files: Sequence[str], problem: str, command: str) -> None:
        self.files = tuple(files)
        super().__init__(
            f'"{files[0]}", "{files[1]}" and {len(files) - 2} more are not named like migrations: {problem}; rename all of them, in '
            f"the folder, by `{command}`, which changes neither version nor order"
        )


class UnreadableFileError(PgDeployError):
    """A file cannot be read at all."""

    def __init__(self, file: str, problem: str) -> None:
        self.file = file
        super().__init__(
            f'"{file}" cannot be read: {problem}; bring the file back (a submodule, a share or a checkout may be incomplete), '
            "or take the name out of the folder"
        )


_ADOPTED = (
    "; what that tool has applied to this database already is then adopted by the DAG baseline_migrations "
    "(of a project: baseline_<name>), before the first deployment"
)


class ForeignFileError(PgDeployError):
    """A file of another migration tool: its rollback would be run as a change.

    `back` is the line, by number and text, after which the rollback stands. `is_back`: the whole file is a rollback.
    `dump`: the file is a whole schema. `our_name` is what the file would be called here; it is given if the file was
    recognised by its name.
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
        our_name: str = "",
    ) -> None:
        self.file = file
        self.line = line
        stem = file.removesuffix(".sql")
        if our_name and is_back:
            what = f'"{file}" is named like the rollback of a migration of {tool}, which would be run here as a change'
            todo = f"move it to {our_name}/rollback.sql, beside the migration that it undoes"
        elif our_name:
            what = f'"{file}" is named like a migration of {tool}, which keeps its rollback and its history elsewhere'
            todo = f"rename it to {our_name}.sql, and put its rollback into {our_name}/rollback.sql; the order must stay as it is"
            if file[:3].lower() == "r__":
                todo += ", and it is run once here, not after each change"
        elif dump:
            what = (
                f'"{file}" line {line} ("{mark}") is the end of a schema as {tool} dumps it: the whole database, and what that '
                "tool remembers as done"
            )
            todo = "leave it out of the folder and write the change into a file of its own"
        else:
            first = f'"{file}" line {line} ("{mark}") is a file of {tool}'
            if back is not None:
                what = f'{first}: what follows line {back[0]} ("{back[1]}") is its rollback, and would be run here as a change'
                todo = f'move what follows line {back[0]} into {stem}/rollback.sql and delete the lines like "{mark}", which mark the parts'
                if tool == "Liquibase":
                    # In these files the mark itself holds the rollback, and the next change follows.
                    what = f'{first}: line {back[0]} ("{back[1]}") says in a comment how it is rolled back, and nobody here reads it'
                    todo = (
                        'write a file <14 digits>_<name>.sql for each changeset, without the lines that mark it ("--liquibase …", '
                        '"--changeset …"), and what its lines "--rollback …" say, without '
                        'that word, into <14 digits>_<name>/rollback.sql (of "empty" and "not required" none)'
                    )
                if "no transaction" in mark.lower():
                    todo += "; a statement that cannot run in a transaction runs outside of one here by itself"
            else:
                what = f"{first}, which keeps its own history, and its rollback where nobody here looks for it"
                todo = f"delete the lines that mark it, and put its rollback, if it has one, into {stem}/rollback.sql"
        super().__init__(
            f"{what}; {todo}{_ADOPTED}; or go on deploying this folder with that tool. For now nothing was run"
        )


class ForeignFolderError(PgDeployError):
    """The folder is another migration tool's."""

    def __init__(self, folder: str, tool: str, evidence: str, todo: str) -> None:
        super().__init__(
            f'"{folder}" is a folder of {tool}: {evidence}; {todo}{_ADOPTED}; or go on deploying it with that tool. '
            "For now nothing was run"
        )


class DuplicateVersionError(PgDeployError):
    """Several files have the same version.

    `renames` gives all but one of them a new version, and the order stays as it is. `taken` are the versions of the folder.
    `kept` is the file that the history means, if it has the version.
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
        proposed = ", ".join(
            f'"{old}" to "{free}_{old.removesuffix(".sql").split("_", 1)[1]}.sql"' for old, free in renames.items()
        )
        conf = json.dumps({"migrations": list(renames.values())})
        meant = f', and means "{kept}" by it' if kept else ""
        super().__init__(
            f"{quoted} have the same version {version}, and the history keeps a version once{meant}; rename, for example, {proposed} "
            "(and the folder of the same name beside each, if there is one); if their change is in the database already, "
            "adopt it before you deploy: "
            f"trigger baseline_migrations (of a project: baseline_<name>) with the conf {conf}, or from a checkout: "
            f"make baseline CONF='{conf}'"
        )


class NotUtf8Error(PgDeployError):
    """A file is not UTF-8: what it is instead, and how it becomes UTF-8. `caret_text` shows the place, if there is one."""

    def __init__(self, file: str, line: int, what: str, todo: str, *, column: int = 1, caret_text: str = "") -> None:
        self.file = file
        self.line = line
        shown = f":\n{caret_text}" if caret_text else ""
        super().__init__(f'"{file}" line {line}, column {column} is not UTF-8, {what}; {todo}{shown}')


class OrphanCompanionError(PgDeployError):
    """A companion folder has no migration."""

    def __init__(self, stem: str) -> None:
        super().__init__(
            f'folder "{stem}" has no "{stem}.sql" beside it; rename it to its migration\'s name or delete it'
        )


class UnknownBenchmarkError(PgDeployError):
    """migration.yaml names a benchmark that has no file."""

    def __init__(self, name: str, stem: str) -> None:
        super().__init__(
            f'"{stem}/migration.yaml" names the benchmark "{name}", but there is no benchmarks/{name}.sql; '
            "write it or take the entry out"
        )


class UnknownProofError(PgDeployError):
    """migration.yaml rests a criterion on a check or benchmark that has no file."""

    def __init__(self, name: str, stem: str) -> None:
        super().__init__(
            f'"{stem}/migration.yaml" lets a criterion rest on "{name}", but there is neither verify/{name}.sql nor '
            f"benchmarks/{name}.sql; correct the name"
        )


class InvalidCriteriaError(PgDeployError):
    """A criteria.yaml that cannot be used."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f'"{path}" cannot be used: {problem}; correct it and trigger again')


class UnknownCriterionError(PgDeployError):
    """migration.yaml speaks for a criterion that the project's criteria.yaml does not state."""

    def __init__(self, name: str, stem: str, known: Sequence[str]) -> None:
        self.name = name
        self.stem = stem
        there = f"by name it states {', '.join(known)}" if known else "it states none by name"
        super().__init__(
            f'"{stem}/migration.yaml" says what proves the criterion "{name}", which criteria.yaml does not state ({there}); '
            "correct the name, or state the criterion there"
        )


class UnknownDirectiveError(PgDeployError):
    """The first line of a check holds an unknown word, such as `-- check: wirtes`."""

    def __init__(self, file: str, word: str, known: Sequence[str]) -> None:
        self.file = file
        super().__init__(f'"{file}" says "{word}" in its first line, which means nothing; use {" or ".join(known)}')


class UnknownMigrationError(PgDeployError):
    """A version, stem or folder does not exist."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        there = f"; there are: {', '.join(known[-5:])}" if known else "; set MIGRATIONS_DIR to a folder of migrations"
        super().__init__(f'"{name}" was not found{there}')


class InvalidManifestError(PgDeployError):
    """A migration.yaml cannot be used."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f'"{path.parent.name}/{path.name}" cannot be used: {problem}; correct it and trigger again')


class InvalidMigrationsError(PgDeployError):
    """All faults of a folder at once, so that they can be mended at once."""

    def __init__(self, faults: Sequence[PgDeployError]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))


class TouchesLedgerError(PgDeployError):
    """A migration names the ledger or the history, which say whether it is deployed."""

    def __init__(self, file: str, line: int, schema: str) -> None:
        self.file = file
        self.line = line
        super().__init__(
            f'"{file}" line {line} names the schema "{schema}", which says what is deployed here and is written by nobody but us; '
            "remove that, or write into migration.yaml why it is needed: touches_ledger: <reason>"
        )


class FileTooLargeError(PgDeployError):
    """A file is larger than this worker may read into memory."""

    def __init__(self, file: str, size_mb: float, largest_mb: int) -> None:
        self.file = file
        super().__init__(
            f'"{file}" is {size_mb:.0f} MB, and files above {largest_mb} MB are not read into memory and the ledger: cut it into several '
            "with later versions, or load the rows outside the migrations with `psql -c '\\copy …'`; if the worker's memory is ten "
            "times the file, set PG_DEPLOY_LARGEST_FILE_MB in the environment of Airflow"
        )


class NewMigrationRefused(PgDeployError):
    """The scaffold did not write the new migration `name`, and left nothing behind; `reason` says why."""

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(f'"{name}" {reason}: {remedy}.')


class InvalidAccessFileError(PgDeployError):
    """A companion's access.yaml cannot be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f'"{path.name}" of "{path.parent.name}" is not valid, {reason}: each entry under `opened` or `changed` has '
            "role, object, command and why"
        )
