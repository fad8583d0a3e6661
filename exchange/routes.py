"""Which products make a route: hydrogen, haulage from where it is, and hydrogen delivered where that leads."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from exchange.book import Book, Route
from exchange.model import Product


def routes_with(books: Collection[Book], book: Book) -> Iterator[Route]:
    """The routes among ``books`` that ``book`` is a part of. Their parts are alike in window, load and grade."""
    alike = [other for other in books if _load(other.product) == _load(book.product)]
    kinds = {kind: [b for b in alike if b.product.kind == kind] for kind in ("ex_works", "haulage", "delivered")}
    for haulage in kinds["haulage"]:
        for ex_works in kinds["ex_works"]:
            for delivered in kinds["delivered"]:
                fits = (
                    ex_works.product.hub == haulage.product.hub
                    and delivered.product.hub == haulage.product.destination_hub
                    and ex_works.product.grade == delivered.product.grade
                )
                if fits and book in (ex_works, haulage, delivered):
                    yield Route(ex_works, haulage, delivered)


def _load(product: Product) -> tuple[object, ...]:
    return (
        product.window_start, product.window_end, product.container_class, product.nominal_mass_g,
        product.maximum_mass_g,
    )  # fmt: skip
