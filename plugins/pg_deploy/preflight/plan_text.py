"""The plan in words: what each migration would do, which locks it takes, what protects it and what does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pg_deploy.migrations.manifest import Manifest
from pg_deploy.migrations.migration import Migration
from pg_deploy.parsing.statements import LockClaim, Segment, Statement
from pg_deploy.presentation.markdown import as_code_block, as_plain_markdown


def plan_lines(migration: Migration, lock_lint: Sequence[str] = ()) -> tuple[str, ...]:
    """A migration for the task log: risk, impact, each statement with its locks, the findings of the lint, missing protection."""
    lines = [_risk_line(migration.manifest)]
    for segment in migration.segments:
        lines.append(f"  {_segment_title(segment)}")
        lines += [f"    line {each.line}: {each.summary}{_locks_in_brackets(each)}" for each in segment.statements]
    lines.append(
        f"  checks: {len(migration.checks)} of its own and the built-in ones; benchmarks: {len(migration.benchmarks)}"
    )
    lines.append("  rollback: " + ("rollback.sql" if migration.rollback is not None else "none"))
    lines += [f"  lock lint, {finding}" for finding in lock_lint]
    lines += [f"  not honoured, {sentence}" for sentence in migration.comments_for_another_tool]
    lines += [f"  unprotected: {sentence}" for sentence in migration.unprotected]
    return tuple(lines)


def passed_over_line(names: Sequence[str]) -> str:
    """A sentence about the files that are left out because of their names. Plan, approval and report begin with it."""
    shown = ", ".join(f'"{name}"' for name in names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    return (
        f"passed over, as the Supabase CLI does, because of their names: {shown}; what is to be deployed is SQL, in a file named "
        "<14 digits>_<name>.sql"
    )


@dataclass(frozen=True)
class MigrationToApprove:
    """One migration about which a person is asked, and what the question shows of it.

    `reason` says why a person is asked; `risk_reasons` are what makes the risk high, whatever its author says.
    """

    migration: Migration
    reason: str
    risk: str
    risk_reasons: tuple[str, ...] = ()
    rehearsal: str = ""
    verdict: str = "not rehearsed"
    lock_lint: tuple[str, ...] = ()
    workload: str = ""
    """What it breaks of what the application sends, in a line."""


def approval_text(asked: MigrationToApprove, *, page: str) -> str:
    """What a person needs to know to decide, as Markdown; `page` is the address of the whole text.

    What stops working comes first, then the hash that the approval is bound to, and the verdicts. Texts of the author and names
    of the database are shown letter by letter.
    """
    migration = asked.migration
    manifest = migration.manifest
    declared = "" if asked.risk == manifest.risk else f" (its author says {manifest.risk})"
    whole = f"read all of it on [the page of this run]({page})"
    parts = [f"**Workload:** it {as_plain_markdown(asked.workload)}."] if asked.workload else []
    parts += [
        f"**This approval holds for bundle `{migration.bundle_hash}` and no other text.**",
        f"**Risk:** {asked.risk}{declared}. **Rehearsal:** {asked.verdict}. **Access:** {manifest.access}.",
    ]
    parts += [f"**Why the risk is high:** {as_plain_markdown(reason)}." for reason in asked.risk_reasons]
    parts += [
        f"## {as_plain_markdown(migration.title)}",
        f"`{migration.stem}`: {as_plain_markdown(asked.reason)}",
        f"**Impact:** {as_plain_markdown(manifest.impact) or 'not stated'}. "
        f"**Expected duration:** {as_plain_markdown(manifest.expected_duration or '') or 'not stated'}.",
    ]
    parts += [f"**Unprotected:** {as_plain_markdown(sentence)}." for sentence in migration.unprotected]
    parts += [f"**Not honoured:** {as_plain_markdown(sentence)}." for sentence in migration.comments_for_another_tool]
    parts += [
        "### Locks",
        "\n".join(f"- {as_plain_markdown(line)}" for line in _lock_lines(migration.statements))
        or "None on what exists.",
    ]
    if asked.lock_lint:
        parts += ["### Lock lint", "\n".join(f"- {as_plain_markdown(each)}" for each in asked.lock_lint)]
    if asked.rehearsal:
        parts += ["### Rehearsal", asked.rehearsal]
    parts += ["### SQL", as_code_block(migration.file.sql, whole=whole)]
    parts += [
        "### What undoes it (generated, proven in the rehearsal)" if migration.is_generated else "### What undoes it",
        as_code_block(migration.rollback, whole=whole) if migration.rollback is not None else "Nothing.",
    ]
    return "\n\n".join(parts)


def joint_approval_text(
    asked: Sequence[MigrationToApprove], *, page: str, commit: str = "", passed_over: Sequence[str] = ()
) -> str:
    """One approval for several migrations, as Markdown. `passed_over` names the files of the folder that no run considers."""
    first = f"Of commit `{commit}`.\n\n" if commit else ""
    first += f"{as_plain_markdown(passed_over_line(passed_over))}\n\n" if passed_over else ""
    return first + "\n\n---\n\n".join(approval_text(each, page=page) for each in asked)


def _risk_line(manifest: Manifest) -> str:
    """Risk, access and the author's expectations, on one line."""
    parts = [f"risk {manifest.risk}", f"access {manifest.access}"]
    if manifest.impact:
        parts.append(manifest.impact)
    if manifest.expected_duration:
        parts.append(f"expected to take {manifest.expected_duration}")
    if manifest.holds_lock:
        parts.append(f"may hold strong locks for {manifest.holds_lock}")
    return "  " + ", ".join(parts)


def _lock_lines(statements: Iterable[Statement]) -> tuple[str, ...]:
    """Each lock once, strongest first, with the lines that take it."""
    lines: dict[tuple[int, str], list[int]] = {}
    for statement in statements:
        for claim in statement.locks:
            lines.setdefault((-claim.mode, _claim_text(claim)), []).append(statement.line)
        if statement.opaque:
            lines.setdefault((1, "not readable from the text, watched while it runs"), []).append(statement.line)
    return tuple(
        f"{what} ({'line' if len(at) == 1 else 'lines'} {', '.join(map(str, at))})"
        for (_, what), at in sorted(lines.items())
    )


def _segment_title(segment: Segment) -> str:
    if not segment.transactional:
        return "outside a transaction:"
    count = len(segment.statements)
    return f"one transaction of {count} statement{'s' if count != 1 else ''}:"


def _locks_in_brackets(statement: Statement) -> str:
    named = [_claim_text(claim) for claim in statement.locks]
    if statement.opaque:
        named.append("what it locks shows only when it runs")
    return f"  [{', '.join(named)}]" if named else ""


def _claim_text(claim: LockClaim) -> str:
    return f"{claim.mode.sql} on {claim.relation or 'relations that it finds'}"
