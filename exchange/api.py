"""The routes of the exchange: orders on a way of their own, everything else through the framework."""

from __future__ import annotations

from fastapi import FastAPI

from exchange.market_api import market_routes
from exchange.orders_api import OrderRoutes
from exchange.orders_changes_api import change_routes
from exchange.orders_openapi import openapi_paths, openapi_schemas
from exchange.orders_reads_api import business_routes
from exchange.products_api import product_routes
from exchange.recalls_api import recall_routes
from exchange.service import ExchangeService
from exchange.switches_api import operator_switch_routes, switch_routes
from kernel.http import ASGIApp, ASGIScope, Receive, Send

ROUTES = (
    market_routes,
    product_routes,
    business_routes,
    recall_routes,
    change_routes,
    switch_routes,
    operator_switch_routes,
)


def mount(app: FastAPI, service: ExchangeService) -> None:
    """Adds the exchange's routes."""
    app.router.routes.insert(0, OrderRoutes(service))
    for routes in ROUTES:
        app.include_router(routes(service))


def ahead_of(app: ASGIApp, orders: OrderRoutes) -> ASGIApp:
    """An application that answers orders itself and hands on everything else: what stands in between costs an order
    more than its way through the book."""

    async def dispatch(scope: ASGIScope, receive: Receive, send: Send) -> None:
        if orders.takes(scope):
            scope["route"] = orders
            await orders.handle(scope, receive, send)
        else:
            await app(scope, receive, send)

    return dispatch


__all__ = ["ahead_of", "mount", "openapi_paths", "openapi_schemas"]
