"""Structured logs and metrics of the platform itself."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


def set_up_logs(level: str) -> None:
    """One JSON object a line on standard error, for this package and for the server."""
    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class Metrics:
    """The numbers of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "h2market_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "h2market_request_seconds",
            "Time to answer.",
            ["route"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
        )
        self.log_seq = Gauge("h2market_log_seq", "Last position of a room's log.", ["room"], registry=self.registry)
        self.queue = Gauge("h2market_queue", "Requests waiting for a room's writer.", ["room"], registry=self.registry)
        self.commits = Gauge(
            "h2market_commits", "Transactions committed since the start.", ["room"], registry=self.registry
        )
        self.rebuilds = Gauge(
            "h2market_rebuilds",
            "Times a room was rebuilt from its log after a failed commit.",
            ["room"],
            registry=self.registry,
        )
        self.lag = Gauge(
            "h2market_follower_lag", "Events a follower has still to apply.", ["follower"], registry=self.registry
        )
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def observe(self, scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
        """Counts one request under its route template, so that ids do not make series of their own."""
        route = scope.get("route")
        template = getattr(route, "path", None) or "unmatched"
        children = self._children.get((scope["method"], template, status))
        if children is None:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            children = self.requests.labels(method, template, str(status)), self.seconds.labels(template)
            if len(self._children) < _SERIES_MAX:
                self._children[scope["method"], template, status] = children
        children[0].inc()
        children[1].observe(seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SERIES_MAX = 2_000
