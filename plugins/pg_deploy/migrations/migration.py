"""A migration on disk: the SQL file, its companion, and the two hashes that bind a run to them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pg_deploy.configuration.installation import settings
from pg_deploy.errors import PgDeployError
from pg_deploy.migrations.access_file import AccessFile, read_access_file
from pg_deploy.migrations.dialects import (
    code_beside,
    comments_for_another_tool,
    foreign_folder,
    refuse_other_names,
    refuse_other_tools,
)
from pg_deploy.migrations.errors import (
    DuplicateVersionError,
    FileTooLargeError,
    InvalidMigrationsError,
    OrphanCompanionError,
    TouchesLedgerError,
    UnknownBenchmarkError,
    UnknownDirectiveError,
    UnknownMigrationError,
    UnknownProofError,
    UnreadableFileError,
)
from pg_deploy.migrations.folder import sql_names, stems
from pg_deploy.migrations.manifest import UNPROTECTED, BenchmarkTerms, Manifest, read_manifest
from pg_deploy.migrations.names import NAME, is_passed_over, many_dashes, order, refuse_bad_name
from pg_deploy.migrations.our_schemas_named import OURS, our_schemas_named_in
from pg_deploy.migrations.text_files import read_text
from pg_deploy.parsing.brief_text import brief
from pg_deploy.parsing.errors import EmptyMigrationError
from pg_deploy.parsing.statements import Segment, Statement, segments, split, split_check

_DIRECTIVES = {"check": ("writes", "rehearsal"), "benchmark": ("writes",)}
_BOM = "\ufeff"
_ONLY_A_PATH = re.compile(r"\s*[\w./-]*[\w-]+\.sql\s*")


@dataclass(frozen=True)
class Query:
    """A check or a benchmark file. Its last statement counts; those before it prepare for it."""

    name: str
    sql: str
    statements: tuple[Statement, ...]
    writes: bool
    rehearsal_only: bool = False


@dataclass(frozen=True)
class Benchmark:
    """A query that is timed before and after the migration. `before` is another text for before, if what `after` reads is new."""

    name: str
    after: Query
    before: Query | None
    terms: BenchmarkTerms


@dataclass(frozen=True)
class MigrationFile:
    """A well-named file with its text, not parsed yet: reading a thousand of them must be quick."""

    version: str
    name: str
    path: Path
    sql: str
    sql_hash: str

    @property
    def stem(self) -> str:
        """`<version>_<name>`, also the id of the task group."""
        return self.path.stem

    def is_text_of(self, sql_hash: str) -> bool:
        """Whether that hash is of this text, or of one with other line ends, with or without a byte-order mark or final line ends.

        Git, editors and psql change these.
        """
        return sql_hash == self.sql_hash or sql_hash in self._hashes_of_other_forms

    @cached_property
    def _hashes_of_other_forms(self) -> frozenset[str]:
        text = self.sql.removeprefix(_BOM).replace("\r\n", "\n").rstrip("\n")
        forms = [text + end for end in ("", "\n", "\n\n")]
        return frozenset(
            _hash(mark + form) for mark in ("", _BOM) for unix in forms for form in (unix, unix.replace("\n", "\r\n"))
        )

    @property
    def companion(self) -> Path:
        """The folder of the same stem beside the file; it need not exist."""
        return self.path.with_suffix("")


@dataclass(frozen=True)
class Migration:
    """One migration, read in full and valid, so a run may pin it."""

    file: MigrationFile
    statements: tuple[Statement, ...]
    manifest: Manifest
    has_companion: bool
    """Whether the folder beside it declares or checks anything. A rollback.sql alone does neither."""
    checks: tuple[Query, ...]
    benchmarks: tuple[Benchmark, ...]
    rollback: str | None
    companion_hash: str = field(repr=False, default="")
    is_generated: bool = False
    """Whether `rollback` was generated and proven in a rehearsal. If so, the bundle's hash covers it."""
    access: AccessFile = field(default_factory=AccessFile)

    @property
    def version(self) -> str:
        """The digits that order migrations."""
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
        """The hash of everything that an approval is given for: SQL, companion and rollback."""
        of_files = hashlib.sha256(f"{self.file.sql_hash} {self.companion_hash}".encode()).hexdigest()
        if not self.is_generated:
            return of_files
        return hashlib.sha256(f"{of_files} {self.rollback}".encode()).hexdigest()

    def with_generated(self, rollback: str) -> Migration:
        """The migration with the rollback that a rehearsal generated and proved."""
        return replace(self, rollback=rollback, is_generated=True)

    @cached_property
    def comments_for_another_tool(self) -> tuple[str, ...]:
        """The comments that ask another tool for something, each as a sentence. Nobody here obeys them."""
        return tuple(
            f'line {line}: "{comment}" is meant for another tool, and nobody here obeys it: a statement that cannot run in a '
            "transaction runs alone, the statements between two such share one"
            for line, comment in comments_for_another_tool(brief(self.file.sql).text)
        )

    @property
    def unprotected(self) -> tuple[str, ...]:
        """The protection that is missing, in plain words; empty if nothing is."""
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
    """What a folder holds: the usable files in version order, all faults, and the stems of the faulty files.

    `unusable` holds the stems whose own file is at fault, each with its fault.
    """

    files: tuple[MigrationFile, ...]
    faults: tuple[PgDeployError, ...] = ()
    faulty: tuple[str, ...] = ()
    unusable: Mapping[str, PgDeployError] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    """Names that do not begin with digits: the Supabase CLI passes over them, and so do we."""

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of all files, usable or not."""
        return (*(file.version for file in self.files), *(stem.split("_", 1)[0] for stem in self.faulty))

    def judged(self, elsewhere: Collection[str]) -> tuple[tuple[PgDeployError, ...], tuple[str, ...]]:
        """The faults that count, and a sentence for each unusable file whose version was applied `elsewhere`.

        We do nothing with such files any more, so their faults do not count. If we had applied the file ourselves, it would
        have been edited since, so its fault counts.
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
    """The one usable migration of that version, or None. Reads only its file: a folder may hold the work of years."""
    named = [stem for stem in stems(directory) if stem.split("_", 1)[0] == version]
    if len(named) != 1:
        return None
    try:
        return _read_file(directory / f"{named[0]}.sql")
    except PgDeployError:
        return None


def scan_folder(directory: Path) -> Folder:
    """All of `directory`: the usable files and the faults, so that the caller can report these together with the target's.

    Reads files only; raises InvalidMigrationsError if there is no such folder.
    """
    files: list[MigrationFile] = []
    unusable: dict[str, PgDeployError] = {}
    if not directory.is_dir():
        raise InvalidMigrationsError((UnknownMigrationError(str(directory), ()),))
    of_folder = tuple(foreign_folder(directory))
    names = sql_names(directory)
    passed_over = [*code_beside(directory)]
    for name in names:
        try:
            refuse_other_names(name, names)
            if is_passed_over(name):
                passed_over.append(name)
            else:
                files.append(_read_file(directory / name, names))
        except PgDeployError as fault:
            unusable[name[:-4]] = fault
    by_version: dict[str, list[str]] = {}
    for file in files:
        by_version.setdefault(file.version, []).append(file.path.name)
    twice = {version: names for version, names in by_version.items() if len(names) > 1}
    taken = set(by_version)
    shared = [duplicate_version_fault(version, names, taken) for version, names in twice.items()]
    dashes = many_dashes(list(names))
    dashed = {name[:-4] for name in dashes.files} if dashes else set()
    single = [fault for stem, fault in unusable.items() if stem not in dashed]
    faults = [*of_folder, *([dashes] if dashes else []), *single, *shared]
    faulty = [*unusable, *(file.stem for file in files if file.version in twice)]
    known = {file.stem for file in files} | set(stems(directory))
    if not of_folder:
        orphans = [path for path in sorted(directory.iterdir()) if path.is_dir() and NAME.fullmatch(path.name)]
        faults += [OrphanCompanionError(path.name) for path in orphans if path.name not in known]
    usable = sorted((file for file in files if file.version not in twice), key=lambda file: order(file.version))
    return Folder(tuple(usable), tuple(faults), tuple(faulty), unusable, tuple(passed_over))


def duplicate_version_fault(
    version: str, files: Sequence[str], taken: Collection[str], applied: str = ""
) -> DuplicateVersionError:
    """The fault of files with the same version, with renames that leave the order as it is.

    Each further file gets a version that is one higher. If that would change the order, all but one get further digits.
    `applied` is the name that the history has for the version: its file keeps the version.
    """
    kept = f"{version}_{applied}.sql"
    files = [kept, *(file for file in files if file != kept)] if applied and kept in files else list(files)
    later = [f"{int(version) + number:0{len(version)}d}" for number in range(1, len(files))]
    between = [other for other in taken if order(version) < order(other) <= order(later[-1])]
    if not between and sorted([version, *later], key=order) == [version, *later]:
        renames = dict(zip(files[1:], later, strict=True))
    else:
        width = len(str(len(files)))
        while any(f"{version}{number:0{width}d}" in taken for number in range(len(files))):
            width += 1
        renamed = files[1:] if files[0] == kept else files[:-1]
        renames = {name: f"{version}{number:0{width}d}" for number, name in enumerate(renamed)}
    return DuplicateVersionError(version, files, renames, taken=frozenset(taken), kept=kept if kept in files else "")


def load_all(files: tuple[MigrationFile, ...]) -> tuple[Migration, ...]:
    """`files` parsed with their companions, in the same order. Reads files only; raises InvalidMigrationsError."""
    loaded, faults = load_usable(files)
    if faults:
        raise InvalidMigrationsError(faults)
    return loaded


def load_usable(files: tuple[MigrationFile, ...]) -> tuple[tuple[Migration, ...], tuple[PgDeployError, ...]]:
    """The valid ones of `files`, parsed, and every fault of the others. Reads files only; raises nothing."""
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
        size_mb, largest_mb = len(file.sql) / 1e6, settings().largest_file_mb
        if size_mb > largest_mb:
            raise FileTooLargeError(file.path.name, size_mb, largest_mb)
        refuse_other_tools(brief(file.sql).text, file=file.path.name)
        statements = split(file.sql, file=file.path.name)
    companion = file.companion
    if not companion.is_dir():
        if not faults:
            faults += _touching_ledger(file.path.name, statements)
        if faults:
            raise InvalidMigrationsError(faults)
        return Migration(file, statements, UNPROTECTED, False, (), (), None)
    # A rollback.sql alone declares nothing: it comes from moving another tool's rollback there.
    declares = any((companion / name).exists() for name in ("migration.yaml", "access.yaml", "verify", "benchmarks"))
    manifest, checks = Manifest() if declares else UNPROTECTED, []
    if declares:
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
                faults += _touching_ledger(f"{file.stem}/rollback.sql", undoing)
    if not faults and manifest.touches_ledger is None:
        faults += _touching_ledger(file.path.name, statements)
    if faults:
        raise InvalidMigrationsError(faults)
    return Migration(
        file,
        statements,
        manifest,
        declares,
        tuple(checks),
        benchmarks,
        rollback,
        _hash_companion(companion),
        access=access,
    )


def touching_ledgers(migration: Migration, ledgers: tuple[str, ...]) -> list[PgDeployError]:
    """A TouchesLedgerError for each statement of the migration or its rollback that names one of these ledgers without a reason."""
    if not ledgers or migration.manifest.touches_ledger is not None:
        return []
    faults = _touching_ledger(migration.file.path.name, migration.statements, ledgers)
    if migration.rollback is not None:
        file = f"{migration.stem}/rollback.sql"
        faults += _touching_ledger(file, split(migration.rollback, file=file), ledgers)
    return faults


def _touching_ledger(file: str, statements: tuple[Statement, ...], ours: tuple[str, ...] = OURS) -> list[PgDeployError]:
    return [TouchesLedgerError(file, line, schema) for line, schema in our_schemas_named_in(statements, ours)]


@contextmanager
def _noting(faults: list[PgDeployError]) -> Iterator[None]:
    """Add a raised fault to `faults` and go on: all faults are reported at once, so that they can be mended at once."""
    try:
        yield
    except InvalidMigrationsError as several:
        faults += several.faults
    except PgDeployError as fault:
        faults.append(fault)


def _read_file(path: Path, others: Sequence[str] = ()) -> MigrationFile:
    match = refuse_bad_name(path.name, others)
    sql = read_text(path)
    if not sql.strip():
        raise EmptyMigrationError(path.name)
    if _ONLY_A_PATH.fullmatch(sql):
        raise UnreadableFileError(
            path.name, f"it holds only the path {sql.strip()}: a link that was checked out as a file"
        )
    return MigrationFile(match["version"], match["name"], path, sql, _hash(sql))


def _hash(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()


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
    benchmarks: list[Benchmark] = []
    paths = {path.name.removesuffix(".sql"): path for path in sorted(directory.glob("*.sql"))}
    names = {name for name in paths if not name.endswith(".before")}
    faults += [UnknownBenchmarkError(name, directory.parent.name) for name in sorted(set(manifest.benchmarks) - names)]
    for name in sorted(names):
        before = paths.get(f"{name}.before")
        with _noting(faults):
            benchmarks.append(
                Benchmark(
                    name,
                    _read_query(paths[name], directive="benchmark"),
                    _read_query(before, directive="benchmark") if before else None,
                    manifest.benchmarks.get(name, BenchmarkTerms()),
                )
            )
    return tuple(benchmarks)


def _hash_companion(companion: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(companion.rglob("*")):
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith("~"):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(companion).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()
