"""An alert by mail comes to a real server as a mail that says what to do, or is tried again."""

from __future__ import annotations

import email
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from mx_pipeline.errors import AlertFailed, BadSettings
from mx_pipeline.seeing.alerting import Alert, tell
from mx_pipeline.seeing.channels import channel_of
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

TO, SENDER = "on-call@clinic.example", "mx@clinic.example"


@dataclass
class Mailbox:
    """A small SMTP server, and what it took."""

    port: int = 0
    refuses: str = ""
    """Whom it does not know."""
    envelopes: list[list[str]] = field(default_factory=list)
    mails: list[Message] = field(default_factory=list)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    here = Mailbox()

    class Talk(StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            self.say("220 here")
            envelope: list[str] = []
            for line in self.rfile:
                words = line.decode().strip()
                verb = words.upper()[:4]
                if verb in ("MAIL", "RCPT"):
                    envelope.append(words)
                if verb == "RCPT" and here.refuses and here.refuses in words:
                    self.say("550 nobody here")
                elif verb == "DATA":
                    self.say("354 go on")
                    text = b"".join(iter(self.rfile.readline, b".\r\n"))
                    here.envelopes.append(envelope)
                    here.mails.append(email.message_from_bytes(text))
                    self.say("250 taken")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 well")

    with ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        here.port = server.server_address[1]
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield here
        server.shutdown()
        thread.join()


def environment(mailbox: Mailbox) -> dict[str, str]:
    return {"MX_ALERT_EMAIL": TO, "MX_ALERT_SMTP": f"127.0.0.1:{mailbox.port}", "MX_ALERT_EMAIL_FROM": SENDER}


def test_an_alert_comes_as_a_mail_once(warehouse: WarehouseUnderTest, mailbox: Mailbox) -> None:
    channel = channel_of(environment(mailbox))
    assert channel is not None

    told = [tell(warehouse.dispatcher, channel, Alert("lost 7", "look at the worker")) for _ in range(2)]

    (mail,), (envelope,) = mailbox.mails, mailbox.envelopes
    assert told == [True, False]
    assert (mail["Subject"], mail["From"], mail["To"]) == ("mx_pipeline: lost 7", SENDER, TO)
    assert str(mail.get_payload()).strip() == "look at the worker"
    assert f"<{TO}>" in envelope[1]


def test_a_mail_that_is_not_taken_is_tried_at_the_next_look(
    warehouse: WarehouseUnderTest, mailbox: Mailbox
) -> None:
    channel = channel_of(environment(mailbox))
    assert channel is not None
    mailbox.refuses = TO

    with pytest.raises(AlertFailed, match="MX_ALERT_SMTP did not take the mail"):
        tell(warehouse.dispatcher, channel, Alert("lost 7", "look"))
    mailbox.refuses = ""

    assert tell(warehouse.dispatcher, channel, Alert("lost 7", "look"))


def test_a_subject_of_two_lines_makes_no_second_header(mailbox: Mailbox) -> None:
    channel = channel_of(environment(mailbox))
    assert channel is not None

    with pytest.raises(AlertFailed):
        channel.send("lost\r\nBcc: all@clinic.example", "look")

    assert mailbox.mails == []


@pytest.mark.parametrize(("to", "smtp"), [("nobody", "host:25"), (TO, "host:port"), (TO, ":25")])
def test_what_is_no_address_is_refused(to: str, smtp: str) -> None:
    with pytest.raises(BadSettings, match="MX_ALERT_EMAIL"):
        channel_of({"MX_ALERT_EMAIL": to, "MX_ALERT_SMTP": smtp})
