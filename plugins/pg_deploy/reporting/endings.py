"""How one pinned migration of a run ended, in the words of report and pages."""

from __future__ import annotations

from pg_deploy.ledger.attempt import State
from pg_deploy.ledger.word_enum import Word


class Ending(Word):
    """A migration's end, or how far it came."""

    DEPLOYED = "deployed"
    NOT_REACHED = "not reached"
    REJECTED = "rejected"
    FAILED_ON_COPY = "failed in the rehearsal, the target was not touched"
    NOT_APPLIED = "not applied"
    NOT_BELIEVED = "not believed, the ledger calls it verified and none of its statements ended"
    NOT_RECORDED = "verified, but gone from the history"
    ROLLED_BACK = "rolled back"
    ROLLBACK_FAILED = "rollback failed"
    ROLLING_BACK = "left in the middle of its rollback"
    APPLIED = "left as it is, applied and not verified"
    PARTLY_APPLIED = "left as it is, partly applied"
    WHOLE = "in place whole: it was not undone"

    @property
    def is_between(self) -> bool:
        """Whether the database is neither as before it nor as after it."""
        return self in (Ending.ROLLBACK_FAILED, Ending.ROLLING_BACK, Ending.APPLIED, Ending.PARTLY_APPLIED)


def ending_of(state: State, *, is_recorded: bool) -> Ending:
    """How an attempt in that state ended its migration; `is_recorded` says whether the history holds it."""
    # A match without an end for others: mypy names a state that has no ending here.
    match state:
        case State.VERIFIED:
            return Ending.DEPLOYED if is_recorded else Ending.NOT_RECORDED
        case State.ROLLED_BACK:
            return Ending.ROLLED_BACK
        case State.ROLLBACK_FAILED:
            return Ending.ROLLBACK_FAILED
        case State.ROLLING_BACK:
            return Ending.ROLLING_BACK
        case State.APPLIED:
            return Ending.APPLIED
        case State.APPLYING:
            return Ending.PARTLY_APPLIED
        case State.PLANNED | State.SNAPSHOTTED | State.BASELINED:
            return Ending.NOT_APPLIED
