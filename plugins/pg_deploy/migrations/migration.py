"""A migration on disk: the SQL file, its companion, and the two hashes that bind a run to them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pg_deploy.access.decide import AccessFile, read_access_file
from pg_deploy.errors import (
    DuplicateVersionError,
    EmptyMigrationError,
    InvalidMigrationsError,
    MigrationNameError,
    NotUtf8Error,
    OrphanCompanionError,
    PgDeployError,
    TouchesLedgerError,
    UnknownBenchmarkError,
    UnknownDirectiveError,
    UnknownMigrationError,
    UnknownProofError,
)
from pg_deploy.migrations.folder import stems
from pg_deploy.migrations.manifest import UNPROTECTED, BenchmarkTerms, Manifest, read_manifest
from pg_deploy.migrations.touches import touched
from pg_deploy.parsing.statements import Segment, Statement, segments, split, split_check

_DIRECTIVES = {"check": ("writes", "rehearsal"), "benchmark": ("writes",)}
NAME = re.compile(r"(?P<version>\d{14})_(?P<name>[A-Za-z0-9_-][A-Za-z0-9_.-]*)")


@dataclass(frozen=True)
class Query:
    """A check or a benchmark file: statements of which the last one counts, the earlier ones set the scene."""

    name: str
    sql: str
    statements: tuple[Statement, ...]
    writes: bool
    rehearsal_only: bool = False


@dataclass(frozen=True)
class Benchmark:
    """A query timed before and after; `before` is another text for the first side where the thing did not exist yet."""

    name: str
    after: Query
    before: Query | None
    terms: BenchmarkTerms


@dataclass(frozen=True)
class MigrationFile:
    """A well-named file with its bytes, not parsed yet: reading a thousand of them must be quick."""

    version: str
    name: str
    path: Path
    sql: str
    sql_hash: str

    @property
    def stem(self) -> str:
        """`<version>_<name>`, also the id of the task group."""
        return self.path.stem

    @property
    def companion(self) -> Path:
        """The folder of the same stem beside the file; it need not exist."""
        return self.path.with_suffix("")


@dataclass(frozen=True)
class Migration:
    """One change, read in full and valid: what a run may pin."""

    file: MigrationFile
    statements: tuple[Statement, ...]
    manifest: Manifest
    has_companion: bool
    checks: tuple[Query, ...]
    benchmarks: tuple[Benchmark, ...]
    rollback: str | None
    companion_hash: str = field(repr=False, default="")
    is_generated: bool = False
    """Whether `rollback` was generated and proven in a rehearsal; it is part of the bundle then."""
    access: AccessFile = field(default_factory=AccessFile)

    @property
    def version(self) -> str:
        """The 14 digits that order migrations."""
        return self.file.version

    @property
    def stem(self) -> str:
        """`<version>_<name>`."""
        return self.file.stem

    @property
    def title(self) -> str:
        """The manifest's title, else the name in words."""
        return self.manifest.title or self.file.name.replace("_", " ")

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The parts that commit together, in order."""
        return segments(self.statements)

    @property
    def bundle_hash(self) -> str:
        """Hash of everything an approval is given for: SQL, companion and rollback."""
        of_files = hashlib.sha256(f"{self.file.sql_hash} {self.companion_hash}".encode()).hexdigest()
        if not self.is_generated:
            return of_files
        return hashlib.sha256(f"{of_files} {self.rollback}".encode()).hexdigest()

    def with_generated(self, rollback: str) -> Migration:
        """The migration with the rollback that a rehearsal generated and proved."""
        return replace(self, rollback=rollback, is_generated=True)

    @property
    def unprotected(self) -> tuple[str, ...]:
        """What protection is missing, in plain words; empty when nothing is."""
        missing = []
        if not self.has_companion:
            missing.append("no companion: only the built-in checks run, and access is undeclared")
        elif not self.checks:
            missing.append("no check of its own: only the built-in checks run")
        if self.rollback is None and self.manifest.rollback == "none":
            missing.append(f"it declares that it cannot be undone: {self.manifest.rollback_reason}")
        elif self.rollback is None:
            missing.append("no rollback.sql: only what can be generated from the catalog, unproven, would undo it")
        return tuple(missing)


@dataclass(frozen=True)
class Folder:
    """What a folder holds: the usable files in version order, every fault, and the stems that have one.

    `unusable` are those stems of which the file alone is at fault, with that fault.
    """

    files: tuple[MigrationFile, ...]
    faults: tuple[PgDeployError, ...] = ()
    faulty: tuple[str, ...] = ()
    unusable: Mapping[str, PgDeployError] = field(default_factory=dict)

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of all files, usable or not."""
        return (*(file.version for file in self.files), *(stem.split("_", 1)[0] for stem in self.faulty))

    def judged(self, elsewhere: Collection[str]) -> tuple[tuple[PgDeployError, ...], tuple[str, ...]]:
        """The faults that count, and a sentence for each unusable file whose version is among those applied `elsewhere`.

        Nothing will be done with these any more. What we applied is another matter: such a file was edited since.
        """
        settled = [fault for stem, fault in self.unusable.items() if stem.split("_", 1)[0] in elsewhere]
        notes = tuple(f"applied already, so it is left alone: {fault}" for fault in settled)
        return tuple(fault for fault in self.faults if fault not in settled), notes


def read_folder(directory: Path) -> tuple[MigrationFile, ...]:
    """All migrations of `directory` in version order. Reads files only; raises InvalidMigrationsError naming every fault."""
    folder = scan_folder(directory)
    if folder.faults:
        raise InvalidMigrationsError(folder.faults)
    return folder.files


def read_version(directory: Path, version: str) -> MigrationFile | None:
    """The one usable migration of that version, or None. Reads its file alone: a folder may hold the work of years."""
    named = [stem for stem in stems(directory) if stem.split("_", 1)[0] == version]
    if len(named) != 1:
        return None
    try:
        return _read_file(directory / f"{named[0]}.sql")
    except PgDeployError:
        return None


def scan_folder(directory: Path) -> Folder:
    """All of `directory`, the faults beside the usable files, so that they can be told together with the target's.

    Reads files only; raises InvalidMigrationsError when there is no such folder.
    """
    files: list[MigrationFile] = []
    unusable: dict[str, PgDeployError] = {}
    if not directory.is_dir():
        raise InvalidMigrationsError((UnknownMigrationError(str(directory), ()),))
    for stem in stems(directory):
        try:
            files.append(_read_file(directory / f"{stem}.sql"))
        except PgDeployError as fault:
            unusable[stem] = fault
    by_version: dict[str, list[str]] = {}
    for file in files:
        by_version.setdefault(file.version, []).append(file.path.name)
    twice = {version: names for version, names in by_version.items() if len(names) > 1}
    faults = [*unusable.values(), *(DuplicateVersionError(version, tuple(names)) for version, names in twice.items())]
    faulty = [*unusable, *(file.stem for file in files if file.version in twice)]
    known = {file.stem for file in files}
    named = set(stems(directory))
    for entry in sorted(directory.iterdir()):
        if entry.is_dir() and NAME.fullmatch(entry.name) and entry.name not in known | named:
            faults.append(OrphanCompanionError(entry.name))
    usable = sorted((file for file in files if file.version not in twice), key=lambda file: file.version)
    return Folder(tuple(usable), tuple(faults), tuple(faulty), unusable)


def load_all(files: tuple[MigrationFile, ...]) -> tuple[Migration, ...]:
    """`files` parsed with their companions, in the same order. Reads files only; raises InvalidMigrationsError."""
    loaded, faults = load_usable(files)
    if faults:
        raise InvalidMigrationsError(faults)
    return loaded


def load_usable(files: tuple[MigrationFile, ...]) -> tuple[tuple[Migration, ...], tuple[PgDeployError, ...]]:
    """Those of `files` that are valid, parsed, and every fault of the others. Reads files only; raises nothing."""
    loaded: list[Migration] = []
    faults: list[PgDeployError] = []
    for file in files:
        with _noting(faults):
            loaded.append(load(file))
    return tuple(loaded), tuple(faults)


def load(file: MigrationFile) -> Migration:
    """`file` parsed, with its companion. Reads files only; raises InvalidMigrationsError naming every fault."""
    faults: list[PgDeployError] = []
    with _noting(faults):
        statements = split(file.sql, file=file.path.name)
    companion = file.companion
    if not companion.is_dir():
        if not faults:
            faults += _naming_ours(file.path.name, statements)
        if faults:
            raise InvalidMigrationsError(faults)
        return Migration(file, statements, UNPROTECTED, False, (), (), None)
    manifest, checks = Manifest(), []
    with _noting(faults):
        manifest = read_manifest(companion / "migration.yaml")
    for path in sorted((companion / "verify").glob("*.sql")):
        with _noting(faults):
            checks.append(_read_query(path, directive="check"))
    benchmarks = _read_benchmarks(companion / "benchmarks", manifest, faults)
    proofs = {path.stem for folder in ("verify", "benchmarks") for path in (companion / folder).glob("*.sql")}
    named = sorted({name for names in manifest.criteria.values() for name in names})
    faults += [UnknownProofError(name, file.stem) for name in named if name not in proofs]
    access = AccessFile()
    with _noting(faults):
        access = read_access_file(companion)
    rollback = None
    if (companion / "rollback.sql").is_file():
        with _noting(faults):
            rollback = read_text(companion / "rollback.sql")
            undoing = split(rollback, file=f"{file.stem}/rollback.sql")
            if manifest.touches_ledger is None:
                faults += _naming_ours(f"{file.stem}/rollback.sql", undoing)
    if not faults and manifest.touches_ledger is None:
        faults += _naming_ours(file.path.name, statements)
    if faults:
        raise InvalidMigrationsError(faults)
    return Migration(
        file,
        statements,
        manifest,
        True,
        tuple(checks),
        benchmarks,
        rollback,
        _hash_companion(companion),
        access=access,
    )


def _naming_ours(file: str, statements: tuple[Statement, ...]) -> list[PgDeployError]:
    return [TouchesLedgerError(file, line, schema) for line, schema in touched(statements)]


@contextmanager
def _noting(faults: list[PgDeployError]) -> Iterator[None]:
    """Keep what is wrong and go on: all faults are told at once, so that they can be mended at once."""
    try:
        yield
    except InvalidMigrationsError as several:
        faults += several.faults
    except PgDeployError as fault:
        faults.append(fault)


def read_text(path: Path) -> str:
    """The file as text, byte for byte. Raises NotUtf8Error."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise NotUtf8Error(path.name, line) from error


def _read_file(path: Path) -> MigrationFile:
    match = NAME.fullmatch(path.stem)
    if match is None:
        raise MigrationNameError(path.name)
    sql = read_text(path)
    if not sql.strip():
        raise EmptyMigrationError(path.name)
    digest = hashlib.sha256(sql.encode()).hexdigest()
    return MigrationFile(match["version"], match["name"], path, sql, digest)


def _read_query(path: Path, *, directive: str) -> Query:
    sql = read_text(path)
    shown = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
    directives = _directives(sql, directive, shown)
    return Query(
        path.stem,
        sql,
        split_check(sql, file=shown),
        writes="writes" in directives,
        rehearsal_only="rehearsal" in directives,
    )


def _directives(sql: str, directive: str, file: str) -> frozenset[str]:
    """The words after `-- check:` or `-- benchmark:` in the first line."""
    first_line = sql.split("\n", 1)[0].strip()
    if not first_line.startswith(f"-- {directive}:"):
        return frozenset()
    words = first_line.removeprefix(f"-- {directive}:").replace(",", " ").split()
    known = _DIRECTIVES[directive]
    for word in words:
        if word not in known:
            raise UnknownDirectiveError(file, word, known)
    return frozenset(words)


def _read_benchmarks(directory: Path, manifest: Manifest, faults: list[PgDeployError]) -> tuple[Benchmark, ...]:
    found: list[Benchmark] = []
    paths = {path.name.removesuffix(".sql"): path for path in sorted(directory.glob("*.sql"))}
    names = {name for name in paths if not name.endswith(".before")}
    faults += [UnknownBenchmarkError(name, directory.parent.name) for name in sorted(set(manifest.benchmarks) - names)]
    for name in sorted(names):
        before = paths.get(f"{name}.before")
        with _noting(faults):
            found.append(
                Benchmark(
                    name,
                    _read_query(paths[name], directive="benchmark"),
                    _read_query(before, directive="benchmark") if before else None,
                    manifest.benchmarks.get(name, BenchmarkTerms()),
                )
            )
    return tuple(found)


def _hash_companion(companion: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(companion.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith("~"):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(companion).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()
