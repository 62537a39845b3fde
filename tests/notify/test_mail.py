"""SMTP addresses as settings, and letters over plain, TLS and STARTTLS connections to a real server."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from notify.mail import Letter, Mail, MailError, MailRefused, parse
from tests.servers import Mailbox, find_binary, free_port, smtp_server

LETTER = Letter(key="k1", to="duty@example.org", subject="[紧急 Critical] 商场", body="正文 body\n", at_ms=1_795_320_000_000)
SENDER = "alarms@example.org"


def send(mail: Mail, *letters: Letter) -> None:
    async def run() -> None:
        async with mail.connected() as post:
            for letter in letters:
                await post(letter)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 25, "smtp", None, None)),
        ("smtps://u%40x:p%3A%2F@mail.example.org", ("mail.example.org", 465, "smtps", "u@x", "p:/")),
        ("smtp+starttls://u:p@mail.example.org:2525", ("mail.example.org", 2525, "smtp+starttls", "u", "p")),
        ("smtp://u:p@127.0.0.1:2525", ("127.0.0.1", 2525, "smtp", "u", "p")),
    ],
)
def test_an_smtp_url_says_where_and_how(url: str, expected: tuple[object, ...]) -> None:
    mail = parse(url, SENDER)
    assert (mail.host, mail.port, mail.security, mail.user, mail.password) == expected
    assert "p:/" not in repr(mail)


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://x", "must be one of smtp://host"), ("smtp://", "must be one of"), ("smtp://u:p@mail.example.org", "in clear text")],
)
def test_an_smtp_url_that_cannot_be_meant_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(url, SENDER)


def test_the_message_id_follows_from_the_key_alone() -> None:
    mail = parse("smtp://127.0.0.1", SENDER)
    one, again = mail.message(LETTER), mail.message(Letter(key="k1", to="x@y", subject="", body="", at_ms=0))
    other = mail.message(Letter(key="k2", to="x@y", subject="", body="", at_ms=0))
    assert one["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert one["Message-ID"].endswith("@example.org>")
    assert one["Date"] == "Sun, 22 Nov 2026 04:00:00 -0000"


@pytest.mark.wire
def test_a_letter_arrives_whole() -> None:
    with smtp_server() as server:
        send(parse(server.url, SENDER), LETTER)
        (message,) = server.messages
        assert isinstance(message, EmailMessage)
        assert (message["Subject"], message["From"], message["To"]) == (LETTER.subject, SENDER, LETTER.to)
        assert message.get_content().splitlines() == LETTER.body.splitlines()
        assert server.recipients == [["duty@example.org"]]


@pytest.mark.wire
@pytest.mark.parametrize("to", ["nobody", "a@b@c", "值班@example.org", "", "a@x\r\nRCPT TO:<b@y>"])
def test_what_is_no_address_is_refused_for_good_and_the_connection_goes_on(to: str) -> None:
    with smtp_server() as server:

        async def run() -> None:
            async with parse(server.url, SENDER).connected() as post:
                with pytest.raises(MailRefused):
                    await post(Letter(key="bad", to=to, subject="", body="", at_ms=0))
                await post(LETTER)

        asyncio.run(run())
        assert server.recipients == [["duty@example.org"]]


@pytest.mark.wire
def test_a_refusal_for_now_is_no_refusal_for_good() -> None:
    with smtp_server() as server:
        server.refusal = "451 try later"
        with pytest.raises(MailError, match="try later") as refused:
            send(parse(server.url, SENDER), LETTER)
        assert not isinstance(refused.value, MailRefused)


@pytest.mark.wire
def test_a_server_that_is_not_there_is_said() -> None:
    with pytest.raises(MailError, match=r"127\.0\.0\.1"):
        send(parse(f"smtp://127.0.0.1:{free_port()}", SENDER), LETTER)


@pytest.mark.wire
@pytest.mark.parametrize(("code", "kind"), [(550, MailRefused), (450, MailError)])
def test_a_refused_recipient_counts_by_its_code(code: int, kind: type[MailError]) -> None:
    class Picky(Mailbox):
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
            return f"{code} not here"

    server = Picky()
    server.start()
    try:
        with pytest.raises(MailError, match=f"{code} not here") as refused:
            send(parse(server.url, SENDER), LETTER)
        assert type(refused.value) is kind
    finally:
        server.stop()


@contextmanager
def secure_server(folder: Path, security: str) -> Iterator[tuple[str, Mailbox]]:
    """A server that wants TLS and a password; its own certificate is `folder/cert.pem`."""
    openssl = find_binary("openssl")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    def authenticate(server: SMTP, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        assert isinstance(login, LoginPassword)
        return AuthResult(success=(login.login, login.password) == (b"u", b"p@ss"), handled=False)

    mailbox, port = Mailbox(), free_port()
    of_tls = {"ssl_context": context} if security == "smtps" else {"tls_context": context, "require_starttls": True}
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=port, authenticator=authenticate, auth_required=True,
        auth_require_tls=security != "smtps", **of_tls,
    )  # fmt: skip
    controller.start()
    try:
        yield f"{security}://u:p%40ss@127.0.0.1:{port}", mailbox
    finally:
        controller.stop()


@pytest.mark.wire
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # TLS from the first byte: the server cannot know
@pytest.mark.parametrize("security", ["smtps", "smtp+starttls"])
def test_letters_go_over_tls_with_a_password(security: str, tmp_path: Path) -> None:
    with secure_server(tmp_path, security) as (url, mailbox):
        send(parse(f"{url}?ca={tmp_path / 'cert.pem'}", SENDER), LETTER)
        assert mailbox.recipients == [["duty@example.org"]]
        with pytest.raises(MailError, match="certificate"):
            send(parse(url, SENDER), LETTER)
        with pytest.raises(MailError, match="535"):
            send(parse(url.replace("p%40ss", "wrong") + f"?ca={tmp_path / 'cert.pem'}", SENDER), LETTER)
        assert len(mailbox.messages) == 1
