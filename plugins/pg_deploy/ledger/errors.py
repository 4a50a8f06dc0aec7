"""Failures of the ledger, one class each."""

from __future__ import annotations

from datetime import datetime

from pg_deploy.errors import ConnectionLostError, PgDeployError


class PinnedContentChangedError(PgDeployError):
    """The files are no longer those that preflight pinned."""

    def __init__(self, stem: str) -> None:
        super().__init__(
            f'"{stem}" was changed on disk after this run began; nothing of it was run: trigger a new run, which reads it anew'
        )


class OtherServerError(PgDeployError):
    """The connection leads to another cluster than the one that the deployment began on."""

    def __init__(self, target: str, began: str, now: str) -> None:
        super().__init__(
            f'this is another server: the deployment began on the cluster {began}, and target "{target}" leads to {now} now, '
            "which is no standby of it; nothing was done here. Find out where the address leads, then trigger a new run"
        )


class TwoServersError(ConnectionLostError):
    """Two sessions of one task reached two servers, because the address leads to both."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__("the session", 0, f"two servers answer at one address: {first}, and {second}")


class TargetBusyError(PgDeployError):
    """Another run holds the target."""

    def __init__(self, airflow_run: str, host: str, phase: str, good_until: datetime | None) -> None:
        self.airflow_run = airflow_run
        self.phase = phase
        until = f", good until {good_until:%Y-%m-%d %H:%M:%S %Z}" if good_until else ""
        super().__init__(
            f'run "{airflow_run}" on {host} holds the target, in phase "{phase}"{until}; '
            "wait for it to end, or end it, and trigger again"
        )


class DeploymentLostError(PgDeployError):
    """This run no longer holds the target."""

    def __init__(self, deployment_id: int | None, why: str) -> None:
        super().__init__(
            f"deployment {deployment_id or '?'} no longer holds the target: {why}; nothing more is done by this run, "
            "look at the newer run or trigger a new one"
        )


class LockNotFreeError(PgDeployError):
    """Somebody else still holds the deploy lock."""

    def __init__(self, holder: str, waited_s: float) -> None:
        super().__init__(
            f"the deploy lock is still held by {holder} after {waited_s:.0f} s; wait for that session to end, or end it, "
            "and trigger again"
        )


class LedgerTooNewError(PgDeployError):
    """The ledger was written by a newer version of the engine."""

    def __init__(self, found: int, known: int, ledger: str) -> None:
        super().__init__(
            f'the ledger "{ledger}" has revision {found}, this engine knows {known}; upgrade pg_deploy before deploying'
        )


class LedgerSchemaTakenError(PgDeployError):
    """The schema that a project names for its ledger holds something else."""

    def __init__(self, schema: str) -> None:
        super().__init__(
            f'schema "{schema}" is not empty and holds no ledger, so no ledger is made there: give the project another name in "ledger"'
        )


class OtherLedgerUnreadableError(PgDeployError):
    """The database holds another project's ledger, and this role may not read it."""

    def __init__(self, ledger: str, role: str) -> None:
        super().__init__(
            f'"{ledger}" is the ledger of another project in this database, and "{role}" may not read it: '
            f'grant usage on schema "{ledger}" to "{role}"; grant select on all tables in schema "{ledger}" to "{role}"'
        )


class AttemptStateError(PgDeployError):
    """The ledger holds another state than the caller saw, because somebody else worked on the attempt."""

    def __init__(self, stem: str, seen: str, wanted: str) -> None:
        super().__init__(
            f'the attempt at "{stem}" is no longer "{seen}" and so cannot become "{wanted}"; '
            "another run worked on it: look at the newest run"
        )


class SealedError(PgDeployError):
    """A text of the ledger is sealed under a key that this Airflow does not have."""

    def __init__(self) -> None:
        super().__init__(
            "the ledger holds texts with secrets, sealed under another key than this Airflow's: add the key of the Airflow that "
            "deployed them, behind this one's own, as `[core] fernet_key = <this>,<that>`, then trigger again"
        )


class RunOverError(PgDeployError):
    """A run has ended its deployment, and one of its tasks is asked to begin it again."""

    def __init__(self, airflow_run: str, deployment_id: int, state: str) -> None:
        super().__init__(
            f'run "{airflow_run}" has ended its deployment {deployment_id} as {state}, so clearing its preflight begins nothing; '
            "trigger a new run"
        )
