"""Notices: what a person should hear without looking, through Airflow notifiers to the connections of the settings.

A project's `notices`, else the Airflow variable `pg_deploy_notices`, else `PG_DEPLOY_NOTICES` in the environment, names
connections, with commas: of type smtp (the extra `to` names the recipients), slackwebhook, or http (a JSON object with the key
text is posted). Without it, notices go to the task's log alone.
"""

from __future__ import annotations

import logging
import os
from html import escape
from typing import Any

import httpx
from airflow.sdk import BaseNotifier, Variable
from airflow.sdk import Connection as AirflowConnection

from pg_deploy.postgres.session import one_line
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.projects.project import Project
from pg_deploy.tasks.outside_connections import bearer, find_connection, http_url
from pg_deploy.tasks.run import contacts_of, log, project_in

SETTING = "PG_DEPLOY_NOTICES"
VARIABLE = "pg_deploy_notices"
_TIMEOUT_S = 10.0


# It logs the URL of each request.
logging.getLogger("httpx").setLevel(logging.WARNING)


class NoticeRefusedError(Exception):
    """A channel did not take a notice; the message holds no secret."""


class Notice(BaseNotifier):
    """One text to one connection. `notify` raises what goes wrong; `send_notice` below tells it in the log instead."""

    def __init__(self, subject: str, text: str, connection: str | None) -> None:
        super().__init__()
        # A target may have been named by its URL.
        self.subject = without_secrets(subject)
        self.text = without_secrets(text)
        self.connection = connection

    def notify(self, context: Any) -> None:
        """Deliver it."""
        if self.connection is None:
            log.warning("notice: %s", self.subject)
            return
        found = find_connection(self.connection)
        if found is None:
            raise LookupError(f'there is no connection "{self.connection}"')
        if found.conn_type == "smtp":
            self._mail(found, context)
        else:
            self._post(found)

    def _mail(self, found: AirflowConnection, context: Any) -> None:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        SmtpNotifier(
            to=found.extra_dejson["to"],
            subject=self.subject,
            html_content=f"<pre>{escape(self.text)}</pre>",
            smtp_conn_id=self.connection,
        ).notify(context)

    def _post(self, found: AirflowConnection) -> None:
        if found.conn_type == "slackwebhook":
            url, headers = "/".join(filter(None, [http_url(found), found.password])), {}
        else:
            url, headers = http_url(found) + str(found.extra_dejson.get("path", "/")), bearer(found)
        body = {"text": f"{self.subject}\n{self.text}"}
        try:
            httpx.post(url, json=body, headers=headers, timeout=_TIMEOUT_S).raise_for_status()
        except httpx.HTTPStatusError as error:
            # The client's own message quotes the URL, which is a webhook's secret.
            raise NoticeRefusedError(f"HTTP {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise NoticeRefusedError(type(error).__name__) from None


def _connections_in_force(project: Project) -> str:
    """The connections as written: the project's, else the installation's, whose variable can be changed while Airflow runs."""
    if project.notices:
        return ",".join(project.notices)
    try:
        kept = Variable.get(VARIABLE, default=None)
    except Exception as error:  # a notice must never be what fails a deployment
        log.warning("the variable %s cannot be read: %s", VARIABLE, type(error).__name__)
        kept = None
    return str(kept) if kept else os.environ.get(SETTING, "")


def send_notice(subject: str, text: str, context: Any) -> bool:
    """Deliver a notice to every connection of the settings; False when none of them took it. Never raises."""
    project = project_in(context)
    contacts = contacts_of(project)
    text = f"{text}\n\ncontacts: {contacts}" if contacts else text
    names: list[str | None] = [name.strip() for name in _connections_in_force(project).split(",") if name.strip()]
    delivered = 0
    for name in names or [None]:
        try:
            Notice(subject, text, name)(context)
            delivered += 1
        except Exception as error:  # a notice must never be what fails a deployment
            log.error(
                'the notice "%s" did not reach %s: %s: %s',
                subject,
                name,
                type(error).__name__,
                without_secrets(one_line(str(error)))[:200],
            )
    return delivered > 0
