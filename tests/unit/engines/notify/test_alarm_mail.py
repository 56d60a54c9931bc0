"""Mail goes out by a real SMTP conversation, in the clear only where that was said."""

import asyncio
from pathlib import Path

import pytest

from maillage.engines.notify.mail import MailChannel
from maillage.engines.notify.smtp_settings import SmtpSettings, smtp_settings
from maillage.kernel.errors import Invalid
from maillage.services.sensing.coldchain.escalation.deliveries import Message
from maillage.services.sensing.coldchain.ports import Sent
from tests.certificates import Authority
from tests.unit.engines.notify.smtp_server import mail_server

MESSAGE = Message("pg_1", 1_793_534_400, "t", "[critical] wm-1 freezer\r\nBcc: all@example.com", "-8 °C\n.\nend\n", {})


def settings(port: int, tls: str = "none", **more: str) -> SmtpSettings:
    return SmtpSettings(host="localhost", port=port, tls=tls, sender="alarms@example.com", **more)


def sent(channel: MailChannel, to: str = "duty@example.com") -> Sent:
    async def send() -> Sent:
        try:
            return await channel.send("wm-1", "duty", to, MESSAGE)
        finally:
            await channel.close()

    return asyncio.run(send())


def test_a_mail_arrives_as_it_was_written_and_its_subject_ends_no_header() -> None:
    with mail_server() as box:
        assert sent(MailChannel(settings(box.port))) == Sent(True)
        (mail,) = box.wait_for(1)
    assert (mail.sender, mail.recipients) == ("alarms@example.com", ["duty@example.com"])
    assert mail.text == "-8 °C\n.\nend\n"
    assert mail.message["Subject"] == "[critical] wm-1 freezer  Bcc: all@example.com"
    assert mail.message["Bcc"] is None
    assert mail.message["Message-ID"] == "<pg_1@example.com>"
    assert mail.message["Auto-Submitted"] == "auto-generated"


def test_with_starttls_the_password_goes_over_an_encrypted_line(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with mail_server(authority.server("localhost"), {"me": "s3cret"}) as box:
        assert sent(MailChannel(settings(box.port, "starttls", user="me", password="s3cret"), authority.client())).ok
        (mail,) = box.wait_for(1)
    assert mail.encrypted and mail.user == "me"


def test_a_server_without_tls_is_sent_nothing_where_tls_was_asked_for() -> None:
    with mail_server(None, {"me": "s3cret"}) as box:
        told = sent(MailChannel(settings(box.port, "starttls", user="me", password="s3cret")))
    assert not told.ok and "STARTTLS" in told.reason and box.got == []


def test_a_certificate_of_somebody_unknown_is_not_trusted(tmp_path: Path) -> None:
    with mail_server(Authority(tmp_path).server("localhost")) as box:
        told = sent(MailChannel(settings(box.port, "starttls")))
    assert not told.ok and "CERTIFICATE_VERIFY_FAILED" in told.reason and box.got == []


def test_a_wrong_password_is_told_without_it() -> None:
    with mail_server(None, {"me": "other"}) as box:
        told = sent(MailChannel(settings(box.port, user="me", password="s3cret")))
    assert told == Sent(False, "the mail server does not take the password: 535")


@pytest.mark.parametrize(("reply", "never"), [("550 no such user", True), ("451 come again", False)])
def test_an_address_that_is_refused_for_good_is_not_tried_again(reply: str, never: bool) -> None:
    with mail_server() as box:
        box.replies = [reply]
        told = sent(MailChannel(settings(box.port)))
    assert told == Sent(False, f"the address was refused: {reply}", never)


def test_a_server_that_is_not_there_is_told() -> None:
    assert "refused" in sent(MailChannel(settings(1))).reason


def test_the_server_is_named_by_the_environment() -> None:
    assert smtp_settings({}) is None
    given = {"MAILLAGE_SMTP_HOST": "mail.example.com", "MAILLAGE_SMTP_FROM": "a@example.com"}
    assert smtp_settings(given) == SmtpSettings(
        host="mail.example.com", port=587, tls="starttls", sender="a@example.com"
    )
    found = smtp_settings({**given, "MAILLAGE_SMTP_TLS": "tls"})
    assert found is not None and found.port == 465


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"MAILLAGE_SMTP_FROM": "nobody"}, "MAILLAGE_SMTP_FROM"),
        ({"MAILLAGE_SMTP_PORT": "99999"}, "MAILLAGE_SMTP_PORT"),
        ({"MAILLAGE_SMTP_TLS": "maybe"}, "MAILLAGE_SMTP_TLS"),
        ({"MAILLAGE_SMTP_USER": "me"}, "MAILLAGE_SMTP_USER"),
    ],
)
def test_settings_that_can_not_be_are_refused(given: dict[str, str], field: str) -> None:
    base = {"MAILLAGE_SMTP_HOST": "h", "MAILLAGE_SMTP_FROM": "a@b"}
    with pytest.raises(Invalid) as refused:
        smtp_settings({**base, **given})
    assert refused.value.extra["field"] == field


def test_a_password_comes_from_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    file.chmod(0o600)
    monkeypatch.setenv("MAILLAGE_SMTP_PASSWORD_FILE", str(file))
    found = smtp_settings({"MAILLAGE_SMTP_HOST": "h", "MAILLAGE_SMTP_FROM": "a@b", "MAILLAGE_SMTP_USER": "me"})
    assert found is not None and found.password == "s3cret"
