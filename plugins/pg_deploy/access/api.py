"""Who reaches the database through its API: the roles that requests run as, and how a request says who asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Api:
    """The roles of requests and the people behind them. The defaults are Supabase's.

    `users` is a query whose first column is every user's id as text; `signed_in` is the role that users act as;
    `user_expressions` depend on nothing of the claims but the user. A request sets `claims_setting` to its claims as
    JSON (`sub` holds the user's id) and `sub_setting` to nothing.
    """

    roles: tuple[str, ...] = ("anon", "authenticated", "service_role")
    signed_in: str = "authenticated"
    users: str = "select id::text from auth.users"
    user_expressions: tuple[str, ...] = ("auth.uid()",)
    claims_setting: str = "request.jwt.claims"
    sub_setting: str = "request.jwt.claim.sub"
    ignored_schemas: tuple[str, ...] = (
        "information_schema",
        "deploy_ledger",
        "supabase_migrations",
        "access_proof",
        "cron",
        "extensions",
    )


SUPABASE = Api()
