"""What notices say, and that every event is told or left untold on purpose."""

from __future__ import annotations

import re

import pytest

from exchange.events import MoneyGranted, PhaseChanged, ProductListed, Traded
from exchange.model import PRICE_FEN_PER_KG_MAX
from h2market.rooms import make_rooms
from h2market.webhooks import BULLETINS, CATALOGUE
from kernel.notices import rendered
from participants.checks import EVENT_TYPE_PATTERN
from tests.house import ROOT

#: What no participant is told: the market's own doings, what another event tells better, and what comes by the second.
UNTOLD = {
    "participants": {
        *("CompanyRegistered", "WebhookAdded", "WebhookChanged", "WebhookSecretRotated", "WebhookDeleted"),
    },
    "exchange": set[str](),
    "tracking": {
        *("ProductRegistered", "FacilityRegistered", "VehicleRegistered", "VesselRegistered", "MeterRegistered"),
        *("MassNominated", "ReadingRecorded", "GasVented", "PositionsReported", "RecallAnswered"),
    },
    "settlement": {
        *("BooksOpened", "AccountOpened", "TransfersPosted", "TransferExpired", "ProductRegistered", "TradeRecorded"),
        *("StatementImported", "EntrySuspended", "PaymentBatchMade"),
    },
}


@pytest.mark.parametrize("room", sorted(BULLETINS))
def test_every_event_is_told_or_left_untold_on_purpose(room: str) -> None:
    told = BULLETINS[room].event_names
    assert not told & UNTOLD[room]
    assert told | UNTOLD[room] == set(make_rooms()[room].events.names)


def test_types_are_well_formed_and_each_means_one_thing() -> None:
    types = [told.type for _, told in CATALOGUE]
    assert len(set(types)) == len(types)
    assert all(re.fullmatch(EVENT_TYPE_PATTERN, one) for one in types)
    # A group is either for the company itself or public: whoever asks for a group knows which of both it gets.
    groups = {(told.type.partition(".")[0], told.public) for _, told in CATALOGUE}
    assert len({group for group, _ in groups}) == len(groups)


@pytest.mark.parametrize("page", ["webhooks.md", "webhooks.zh-CN.md"])
def test_the_documents_list_every_type(page: str) -> None:
    rows = [line.split("|") for line in (ROOT / "docs" / page).read_text().splitlines() if line.startswith("| `")]
    listed = [(row[1].strip().strip("`"), row[2].strip()) for row in rows if "." in row[1]]
    chinese = page.endswith("zh-CN.md")
    assert listed == [(told.type, told.zh if chinese else told.en) for _, told in CATALOGUE]


def test_fields_are_written_as_the_routes_write_them() -> None:
    assert rendered(MoneyGranted("P1", 3_000_000, "A")) == {
        "participant_id": "P1",
        "amount": "30000.00",
        "reference": "A",
    }
    traded = rendered(Traded(16, "X", 3_250, 2, "P5", "P4", 15, 14, 0))
    assert (traded["trade_id"], traded["price"], traded["taker_order_id"]) == ("T16", "32.50", None)
    phase = PhaseChanged("X", "auction", "volatility", 0)
    assert rendered(phase) == {"product_id": "X", "phase": "auction", "reason": "volatility", "until": None}
    until = 1_767_650_400_000_000
    listed = rendered(
        ProductListed("X", "ex_works", "QINGXU", "", "T", "G", 280_000, 294_000, 0, until, 5, PRICE_FEN_PER_KG_MAX, 20)
    )
    assert (listed["nominal_mass"], listed["maximum_mass"]) == ("280.000", "294.000")
    assert listed["window_end"] == "2026-01-06T06:00:00+08:00"
    assert (listed["price_tick"], listed["price_max"]) == ("0.05", "100000.00")
