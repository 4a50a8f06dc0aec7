"""The states of a group's tasks that mean something, by name."""

from __future__ import annotations

VERBS = ("gate", "approve", "snapshot", "apply", "verify", "decide", "passed", "rollback")


def _group(line: str) -> dict[str, str]:
    words = {"+": "success", "!": "failed", "-": "skipped", "^": "upstream_failed"}
    return dict(zip(VERBS, (words[mark] for mark in line.split()), strict=True))


#                    gate approve snapshot apply verify decide passed rollback
DEPLOYED = _group("  +    +       +        +     +      +      +      -")
# The task `earlier` found nothing to do, and skipped them.
NOTHING_TO_DO = _group("- - - - - - + -")
NOT_REACHED = _group("  - -       -        -     -      -      -      -")
CHECK_FAILED = _group(" +    +       +        +     !      +      -      +")
APPLY_FAILED = _group(" +    +       +        !     ^      +      -      +")
LEFT_AS_IT_IS = _group("+    +       +        +     !      +      -      -")
CHECK_AND_ROLLBACK_FAILED = _group("+ + + + ! + - !")
REJECTED = _group("     +    !       ^        ^     ^      +      -      -")
REFUSED = _group("      +    +       !        ^     ^      +      -      -")

AROUND = {
    "preflight": "success",
    "approve_earlier": "success",
    "earlier": "success",
    "undo_earlier": "success",
    "report": "success",
}
AROUND_RED = {**AROUND, "report": "failed"}
