"""What may not be registered, and what the register's rules say of webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel.errors import H2MarketError, InvalidInput, NotFound
from kernel.messages import Command
from participants import commands as c
from participants import errors
from participants.model import WEBHOOKS_PER_COMPANY_MAX
from tests.exchange.market import Market, problem
from tests.participants.support import Register, register

SALT = "00" * 16
URL = "https://example.com/hooks"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market with the settings of every day: nothing inside may be sent to."""
    folder: Path = tmp_path_factory.mktemp("closed")
    market = Market(f"sqlite:///{folder / 'h2market.db'}")
    market.open()
    yield market
    market.close()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/hooks", "webhook_needs_https"),
        ("http://[72c5c48269c7120:]:64138", "webhook_address_refused"),
        ("https://example.com:99999/hooks", "invalid_input"),
        ("http://127.0.0.1/hooks", "webhook_needs_https"),
        ("https://127.0.0.1/hooks", "webhook_address_refused"),
        ("https://localhost:8000/hooks", "webhook_address_refused"),
        ("https://169.254.169.254/latest/meta-data", "webhook_address_refused"),
        ("https://10.0.0.1/", "webhook_address_refused"),
        ("https://[::1]/", "webhook_address_refused"),
        ("https://[::ffff:10.0.0.1]/", "webhook_address_refused"),
        ("ftp://example.com/", "invalid_input"),
        ("https://user:secret@example.com/", "invalid_input"),
        ("https://example.com/#here", "invalid_input"),
        ("https://Example.com/", "invalid_input"),
        ("https://example.com:70000/", "invalid_input"),
        ("https://exa mple.com/", "invalid_input"),
        ("https:///x", "invalid_input"),
    ],
)
def test_an_address_that_is_refused(closed: Market, url: str, code: str) -> None:
    for method, path in (("POST", "/v1/webhooks"), ("PATCH", "/v1/webhooks/W1")):
        answer = closed.ask(method, path, "buyer", json={"url": url})
        told = problem(answer)
        assert (told[0], told[1]) in {(422, code), (404, "not_found")}, answer.text
    assert closed.ask("GET", "/v1/webhooks", "buyer").json()["items"] == []


@pytest.mark.parametrize("kind", ["order.replaced", "orders.*", "market.*.*", "*", "order", "Order.placed", ""])
def test_a_type_that_is_none(closed: Market, kind: str) -> None:
    answer = closed.ask("POST", "/v1/webhooks", "buyer", json={"url": URL, "event_types": [kind]})
    assert problem(answer)[1] in ("event_type_unknown", "invalid_input")
    assert answer.status_code == 422


def test_every_type_is_listed_with_its_log(closed: Market) -> None:
    listed = closed.ask("GET", "/v1/webhook-event-types", "buyer").json()
    by_type = {one["type"]: one for one in listed}
    assert len(by_type) == len(listed) > 50
    assert (by_type["order.placed"]["log"], by_type["order.placed"]["public"]) == ("exchange", False)
    assert by_type["market.halted"]["public"]
    assert by_type["shipment.departed"]["log"] == "tracking"


def test_without_a_key_there_are_no_webhooks(closed: Market) -> None:
    assert closed.ask("GET", "/v1/webhooks", "").status_code == 401


@pytest.fixture
def one() -> Register:
    """A register with one company, P1."""
    made = Register()
    made.send(register())
    return made


def test_a_company_has_so_many_webhooks_and_no_more(one: Register) -> None:
    for _ in range(WEBHOOKS_PER_COMPANY_MAX):
        one.send(c.AddWebhook("P1", URL, ("order.*",), SALT))
    with pytest.raises(errors.WebhooksFull):
        one.send(c.AddWebhook("P1", URL, ("order.*",), SALT))
    one.send(c.DeleteWebhook("W2"))
    one.send(c.AddWebhook("P1", URL, ("order.*",), SALT))


def test_a_suspended_company_adds_none(one: Register) -> None:
    one.send_all([c.ApproveCompany("P1"), c.SuspendCompany("P1", "unpaid")])
    with pytest.raises(errors.CompanyIsSuspended):
        one.send(c.AddWebhook("P1", URL, ("order.*",), SALT))


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (c.AddWebhook("P9", URL, ("order.*",), SALT), NotFound),
        (c.AddWebhook("P1", "https://x y/", ("order.*",), SALT), InvalidInput),
        (c.AddWebhook("P1", URL + "x" * 1_000, ("order.*",), SALT), InvalidInput),
        (c.AddWebhook("P1", URL, (), SALT), InvalidInput),
        (c.AddWebhook("P1", URL, ("order.*", "order.*"), SALT), InvalidInput),
        (c.AddWebhook("P1", URL, ("order",), SALT), InvalidInput),
        (c.AddWebhook("P1", URL, ("order.*",), "salt"), InvalidInput),
        (c.ChangeWebhook("W9", active=True), NotFound),
        (c.RotateWebhookSecret("W9", SALT, 0), NotFound),
        (c.RotateWebhookSecret("W2", SALT, -1), InvalidInput),
        (c.DisableWebhook("W9", "timeout", 2), NotFound),
        (c.DeleteWebhook("W9"), NotFound),
    ],
)
def test_refused_by_the_register(one: Register, command: Command, error: type[H2MarketError]) -> None:
    one.send(c.AddWebhook("P1", URL, ("order.*",), SALT))
    before = one.machine.digest()
    with pytest.raises(error):
        one.send(command)
    assert one.machine.digest() == before


def test_the_life_of_a_webhook_replays_to_the_same_state(one: Register) -> None:
    one.send_all(
        [
            c.AddWebhook("P1", URL, ("trade.*", "order.*"), SALT),
            c.RotateWebhookSecret("W2", "11" * 16, 60),
            c.DisableWebhook("W2", "timeout", 3),
            c.ChangeWebhook("W2", event_types=("order.placed",)),
        ]
    )
    webhook = one.machine.webhooks.by_id["W2"]
    assert (webhook.state, webhook.reason, webhook.event_types) == ("disabled", "timeout", "order.placed")
    assert (webhook.salt, webhook.previous_salt) == ("11" * 16, SALT)
    with pytest.raises(errors.WebhookNotActive):
        one.send(c.DisableWebhook("W2", "timeout", webhook.event_seq))
    one.send(c.ChangeWebhook("W2", active=True))
    with pytest.raises(errors.WebhookChangedSince):  # its owner has mended it: it begins anew
        one.send(c.DisableWebhook("W2", "timeout", 3))
    one.send(c.DeleteWebhook("W2"))
    with pytest.raises(NotFound):
        one.send(c.ChangeWebhook("W2", active=True))
    assert one.replayed().digest() == one.machine.digest()
    restored = Register().machine
    restored.restore(one.machine.dump())
    assert restored.digest() == one.machine.digest()
