"""Notices: what reaches a person, through a real HTTP server in the place of a webhook."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.building import write_migration
from tests.dags.conftest import Deploy, Monitor, leave_an_invalid_index
from tests.looking import Database


@dataclass
class Channel:
    """A webhook, and what arrived there; `status` is what it answers."""

    port: int = 0
    status: int = 200
    heard: list[str] = field(default_factory=list)


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Channel]:
    """A channel that the settings name."""
    found = Channel()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if found.status < 400:
                found.heard.append(json.loads(body)["text"])
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.port = server.server_port
    webhook = {"conn_type": "slackwebhook", "host": f"http://127.0.0.1:{found.port}", "password": "T0/B0/secret"}
    monkeypatch.setenv("AIRFLOW_CONN_OPS_CHANNEL", json.dumps(webhook))
    monkeypatch.setenv("PG_DEPLOY_NOTICES", "ops_channel")
    yield found
    server.shutdown()
    server.server_close()


@dataclass
class MailServer:
    """A mail server that takes everything, and what arrived."""

    port: int = 0
    recipients: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)


@pytest.fixture
def mail_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server that the settings name."""
    found = MailServer()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"RCPT":
                    found.recipients.append(line.decode().split("<")[1].split(">")[0])
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    found.messages.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
                if verb == b"QUIT":
                    return

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.port = server.server_address[1]
    extra = {"to": "oncall@example.com", "from_email": "monitor@example.com", "disable_ssl": True, "disable_tls": True}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": found.port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_OPS_MAIL", json.dumps(connection))
    monkeypatch.setenv("PG_DEPLOY_NOTICES", "ops_mail")
    yield found
    server.shutdown()
    server.server_close()


def test_an_alert_reaches_a_mailbox_once_through_airflows_own_notifier(
    database: Database, mail_server: MailServer, monitor: Monitor
) -> None:
    """Else whoever has only mail hears nothing."""
    leave_an_invalid_index(database)

    for _ in range(2):
        assert monitor().state == "success"

    assert mail_server.recipients == ["oncall@example.com"]
    (raw,) = mail_server.messages
    message = email.message_from_bytes(raw)
    assert message["Subject"] == "target_db: alerts, 1 began"
    body = "".join(str(part.get_payload(decode=True)) for part in message.walk() if not part.is_multipart())
    assert "began: invalid_indexes public.broken: " in body


def test_the_variable_wins_over_the_environment_so_that_a_running_airflow_can_be_told(
    database: Database, channel: Channel, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who is told can only be changed by starting Airflow anew."""
    monkeypatch.setenv("PG_DEPLOY_NOTICES", "no_such_connection")
    monkeypatch.setenv("AIRFLOW_VAR_PG_DEPLOY_NOTICES", "ops_channel")
    leave_an_invalid_index(database)

    monitor()

    assert len(channel.heard) == 1


def test_an_alert_reaches_the_channel_once_with_what_to_do_and_whom_to_call(
    database: Database, channel: Channel, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else somebody has to look at a page to learn that something is wrong."""
    monkeypatch.setenv("PG_DEPLOY_CONTACTS", "the team's pager")
    leave_an_invalid_index(database)

    for _ in range(2):
        assert monitor().state == "success"

    (notice,) = channel.heard
    assert notice.startswith("target_db: alerts, 1 began\nbegan: invalid_indexes public.broken: ")
    assert "what to do: drop index concurrently" in notice
    assert "contacts: the team's pager" in notice


def test_a_channel_that_is_down_is_told_later_and_makes_no_run_red(
    database: Database, channel: Channel, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    """Else an alert is lost with one failed request, or a broken webhook looks like a broken database."""
    leave_an_invalid_index(database)
    channel.status = 500
    first = monitor()
    channel.status = 200
    monitor()

    assert first.state == "success"
    assert "did not reach ops_channel" in first.text
    assert "secret" not in caplog.text
    assert len(channel.heard) == 1


def test_a_waiting_approval_and_a_rollback_reach_the_channel(
    database: Database, channel: Channel, deploy: Deploy, tmp_path: Path
) -> None:
    """Else a deployment waits for a person who does not know, and a rollback is found the next morning."""
    folder = tmp_path / "migrations"
    write_migration(
        folder,
        "20250101000000_add_mood",
        "create type public.mood as enum ('good');",
        rollback="drop type if exists public.mood;",
        checks={"never_holds": "select 'it does not hold' as problem"},
        manifest="risk: high\n",
    )

    result = deploy(folder, {"approval": "risky"}, answer="Approve")

    assert result.state == "failed"
    assert [notice.splitlines()[0] for notice in channel.heard] == [
        "target_db: an approval waits: Deploy 20250101000000_add_mood?",
        "target_db: deployment 1 was rolled back",
    ]
