"""The night window of the simulated day: few books, thinly traded, and therefore under the market's full controls.

Two plants at Xiaoyi, two stations and a storage at Jinzhong; what the storage holds also goes to Taiyuan. In these
books a price may lie a fifth from the reference price, and a trade further than 8 % from it halts the book into an
auction.
The agents of the day leave the night alone: it belongs to the scenes of `seeds.scenes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from kernel.clock import to_text
from kernel.quantity import format_price
from seeds.containers import TUBE20
from seeds.founding import product_body
from seeds.members import Market
from seeds.prices import ex_works, haulage
from seeds.products import Kind, ProductTerms, terms_of

COLLAR_BPS, VOLATILITY_BPS, PROTECTION_BPS = 2_000, 800, 300
AUCTION_S = 300
#: Loads that can be had in the night, by company.
CAPACITIES = {"frostford": 16, "cloudgather": 15, "moonkeep": 8, "greensail": 13, "gooseletter": 14}


@dataclass(frozen=True, slots=True)
class NightBook:
    """A book of the night and what its product is worth, in fen per kg."""

    terms: ProductTerms
    fair_fen_per_kg: int

    @property
    def product_id(self) -> str:
        """Its product."""
        return self.terms.product_id


@dataclass(frozen=True, slots=True)
class Night:
    """The books. Gas with its haulage is hydrogen delivered, so each implies prices for the others."""

    gas: NightBook  # ex works at Xiaoyi
    haulage: NightBook  # from there to Jinzhong
    delivered: NightBook  # at Jinzhong
    stored: NightBook  # from the storage at Jinzhong
    stored_haulage: NightBook  # from there to Taiyuan

    def books(self) -> tuple[NightBook, ...]:
        """All of them."""
        return self.gas, self.haulage, self.delivered, self.stored, self.stored_haulage


def night_of(day: date) -> Night:
    """The books that are listed on ``day`` for the night after the day after."""

    def book(kind: Kind, hub: str, destination: str, fair: int) -> NightBook:
        return NightBook(terms_of(kind, hub, destination, TUBE20, day + timedelta(days=1), "C"), fair)

    gas, carriage = ex_works("XIAOYI").middle_fen_per_kg, haulage("XIAOYI", "JINZHONG").middle_fen_per_kg
    return Night(
        book("ex_works", "XIAOYI", "", gas),
        book("haulage", "XIAOYI", "JINZHONG", carriage),
        book("delivered", "JINZHONG", "", gas + carriage),
        book("ex_works", "JINZHONG", "", ex_works("JINZHONG").middle_fen_per_kg),
        book("haulage", "JINZHONG", "TAIYUAN", haulage("JINZHONG", "TAIYUAN").middle_fen_per_kg),
    )


def list_night(market: Market, night: Night) -> None:
    """Lists the books under their controls, and has the sellers declare what they can provide."""
    for book in night.books():
        controls = {
            "collar_bps": COLLAR_BPS,
            "volatility_bps": VOLATILITY_BPS,
            "protection_bps": PROTECTION_BPS,
            "auction_s": AUCTION_S,
            "reference_price": format_price(book.fair_fen_per_kg),
        }
        market.operator.post("/v1/products", {**product_body(book.terms), **controls})
    start = to_text(night.gas.terms.window_start)
    for code, loads in CAPACITIES.items():
        member = market.members[code]
        declared = {"commodity": member.company.commodity, "window_start": start, "loads": loads}
        member.session.put("/v1/capacities", declared)
