"""The tests' own servers: each starts, stops, keeps its files and starts again on the same port."""

from __future__ import annotations

import smtplib
import socket
import urllib.parse
import urllib.request
from contextlib import AbstractContextManager

import psycopg
import pytest

from tests import servers

pytestmark = pytest.mark.wire


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("make", [servers.mosquitto, servers.influxdb, servers.victoria_metrics, servers.postgres, servers.smtp_server])
def test_a_server_starts_again_on_the_same_port(make: object) -> None:
    assert callable(make)
    context: AbstractContextManager[servers.Server] = make()
    with context as server:
        assert is_open(server.port)
        server.stop()
        assert not is_open(server.port)
        server.start()
        assert is_open(server.port)
    assert not is_open(server.port)


def test_postgres_keeps_its_rows_over_a_kill() -> None:
    with servers.postgres() as server:
        where = {"host": "127.0.0.1", "port": server.port, "user": "postgres", "dbname": "postgres"}
        with psycopg.connect(**where) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        server.kill()
        server.start()
        with psycopg.connect(**where) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(7,)]


def test_influxdb_keeps_its_databases_over_a_stop() -> None:
    with servers.influxdb() as server:
        form = urllib.parse.urlencode({"q": "CREATE DATABASE kept"}).encode()
        urllib.request.urlopen(f"{server.url}/query", form, timeout=5).close()
        server.stop()
        server.start()
        with urllib.request.urlopen(f"{server.url}/query?q=SHOW+DATABASES", timeout=5) as reply:
            assert b"kept" in reply.read()


def test_the_mailbox_keeps_and_refuses_messages() -> None:
    with servers.smtp_server() as mailbox:
        with smtplib.SMTP("127.0.0.1", mailbox.port) as client:
            client.sendmail("a@example.org", ["b@example.org"], b"Subject: hello\r\n\r\nthere")
        assert mailbox.messages[0]["Subject"] == "hello"
        assert mailbox.recipients == [["b@example.org"]]
        mailbox.refusal = "451 try later"
        with smtplib.SMTP("127.0.0.1", mailbox.port) as client, pytest.raises(smtplib.SMTPDataError):
            client.sendmail("a@example.org", ["b@example.org"], b"Subject: again\r\n\r\nthere")
        assert len(mailbox.messages) == 1
