"""The plan in words: what each migration would do, which locks it takes, what protects it and what does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pg_deploy.migrations.manifest import Manifest
from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.statements import Segment, Statement


def plan_lines(migration: Migration, lock_lint: Sequence[str] = ()) -> tuple[str, ...]:
    """A migration for the task log: risk, impact, each statement with its class and locks, the lint's opinion, what is missing."""
    lines = [header(migration.manifest)]
    for segment in migration.segments:
        lines.append(f"  {_segment_title(segment)}")
        lines += [f"    line {each.line}: {each.summary}{_locks(each)}" for each in segment.statements]
    lines.append(
        f"  checks: {len(migration.checks)} of its own and the built-in ones; benchmarks: {len(migration.benchmarks)}"
    )
    lines.append("  rollback: " + ("rollback.sql" if migration.rollback is not None else "none"))
    lines += [f"  lock lint, {finding}" for finding in lock_lint]
    lines += [f"  not honoured, {sentence}" for sentence in migration.promises]
    lines += [f"  unprotected: {sentence}" for sentence in migration.unprotected]
    return tuple(lines)


PASSED_OVER = "passed over"


def passed_over_line(names: Sequence[str]) -> str:
    """What is no migration by its name, in a sentence: the first thing that plan, approval and report say."""
    shown = ", ".join(f'"{name}"' for name in names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    return (
        f"passed over, as the Supabase CLI does, because no digits come first in the name: {shown}; what is to be deployed is "
        "named <14 digits>_<name>.sql"
    )


def header(manifest: Manifest) -> str:
    """Risk, access and what the author expects, on one line."""
    parts = [f"risk {manifest.risk}", f"access {manifest.access}"]
    if manifest.impact:
        parts.append(manifest.impact)
    if manifest.expected_duration:
        parts.append(f"expected to take {manifest.expected_duration}")
    if manifest.holds_lock:
        parts.append(f"may hold strong locks for {manifest.holds_lock}")
    return "  " + ", ".join(parts)


def approval_text(migration: Migration, reason: str, rehearsal: str = "", lock_lint: Sequence[str] = ()) -> str:
    """What a person needs to decide, as Markdown: title, risk, SQL, locks, what undoes it, what it is bound to."""
    manifest = migration.manifest
    parts = [
        f"## {migration.title}",
        f"`{migration.stem}`: {reason}",
        f"**Risk:** {manifest.risk}. **Impact:** {manifest.impact or 'not stated'}. "
        f"**Expected duration:** {manifest.expected_duration or 'not stated'}. **Access:** {manifest.access}.",
    ]
    parts += [f"**Unprotected:** {sentence}." for sentence in migration.unprotected]
    parts += [f"**Not honoured:** {sentence}." for sentence in migration.promises]
    parts += [
        "### Locks",
        "\n".join(f"- {line}" for line in lock_lines(migration.statements)) or "None on what exists.",
    ]
    parts += ["### Lock lint", "\n".join(f"- {finding}" for finding in lock_lint)] if lock_lint else []
    parts += ["### Rehearsal", rehearsal] if rehearsal else []
    parts += ["### SQL", fenced(migration.file.sql)]
    parts += [
        "### What undoes it (generated, proven in the rehearsal)" if migration.is_generated else "### What undoes it",
        fenced(migration.rollback) if migration.rollback is not None else "Nothing.",
    ]
    parts.append(f"This approval holds for bundle `{migration.bundle_hash}` and no other text.")
    return "\n\n".join(parts)


def lock_lines(statements: Iterable[Statement]) -> tuple[str, ...]:
    """Each lock once, strongest first, with the lines that take it."""
    lines: dict[tuple[int, str], list[int]] = {}
    for statement in statements:
        for claim in statement.locks:
            what = f"{claim.mode.sql} on {claim.relation or 'relations that it finds'}"
            lines.setdefault((-claim.mode, what), []).append(statement.line)
        if statement.opaque:
            lines.setdefault((1, "not readable from the text, watched while it runs"), []).append(statement.line)
    return tuple(
        f"{what} ({'line' if len(at) == 1 else 'lines'} {', '.join(map(str, at))})"
        for (_, what), at in sorted(lines.items())
    )


def several_text(
    migrations: Sequence[Migration],
    reasons: Iterable[str],
    rehearsals: Mapping[str, str] | None = None,
    lock_lints: Mapping[str, Sequence[str]] | None = None,
    passed_over: Sequence[str] = (),
) -> str:
    """One approval for several migrations, as Markdown.

    `rehearsals` says by version what its rehearsal showed, `lock_lints` what the lock lint found; `passed_over` names the
    files of the folder that no run takes up.
    """
    shown, found = rehearsals or {}, lock_lints or {}
    first = f"{passed_over_line(passed_over)}\n\n" if passed_over else ""
    return first + "\n\n---\n\n".join(
        approval_text(migration, reason, shown.get(migration.version, ""), found.get(migration.version, ()))
        for migration, reason in zip(migrations, reasons, strict=True)
    )


def fenced(sql: str, most: int = 20_000) -> str:
    """`sql` as a code block that its own back-ticks cannot end; cut after `most` characters, and says so."""
    fence = "````"
    while fence in sql:
        fence += "`"
    cut = f"\n-- … {len(sql) - most} more characters: see the file" if len(sql) > most else ""
    return f"{fence}sql\n{sql[:most].rstrip()}{cut}\n{fence}"


def _segment_title(segment: Segment) -> str:
    if not segment.transactional:
        return "outside a transaction:"
    count = len(segment.statements)
    return f"one transaction of {count} statement{'s' if count != 1 else ''}:"


def _locks(statement: Statement) -> str:
    named = [f"{claim.mode.sql} on {claim.relation or 'relations it finds'}" for claim in statement.locks]
    if statement.opaque:
        named.append("what it locks shows only when it runs")
    return f"  [{', '.join(named)}]" if named else ""
