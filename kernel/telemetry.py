"""Structured logs and metrics of the platform itself."""

from __future__ import annotations

import logging
import sys
from bisect import bisect_left
from collections.abc import Iterator, MutableMapping
from itertools import accumulate
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


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
        self._requests = _Requests()
        self.registry.register(self._requests)
        self.observe = self._requests.observe
        self.log_seq = self._gauge("h2market_log_seq", "Last position of a room's log.", "room")
        self.queue = self._gauge("h2market_queue", "Requests waiting for a room's writer.", "room")
        self.commits = self._gauge("h2market_commits", "Transactions committed since the start.", "room")
        self.rebuilds = self._gauge("h2market_rebuilds", "Times a room was rebuilt after a failed commit.", "room")
        self.broken = self._gauge("h2market_broken", "1 while a room cannot write.", "room")
        self.silences = Gauge(
            "h2market_writer_silences",
            "Times the process that writes was killed for its silence.",
            registry=self.registry,
        )
        self.lag = self._gauge("h2market_follower_lag", "Events a follower has still to apply.", "follower")
        self.webhooks = self._gauge("h2market_webhooks", "Webhooks that are delivering, and that are failing.", "state")

    def _gauge(self, name: str, meaning: str, label: str) -> Gauge:
        return Gauge(name, meaning, [label], registry=self.registry)


#: Upper bounds of the buckets of the time to answer, seconds.
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Requests(Collector):
    """Requests by method, route and status, and their time by route.

    Counted in plain dicts by the event loop alone and made into metrics when they are asked for: the library's own
    counters take a lock each, which costs an order as much as its way through the book.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], int] = {}
        self._times: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def observe(self, scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
        """Counts one request under its route template, so that ids do not make series of their own."""
        template = getattr(scope.get("route"), "path", None) or "unmatched"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        key = (method, template, status)
        self._counts[key] = self._counts.get(key, 0) + 1
        times = self._times.get(template)
        if times is None:
            times = self._times[template] = [0] * (len(BUCKETS_S) + 1)
        times[bisect_left(BUCKETS_S, seconds)] += 1
        self._seconds[template] = self._seconds.get(template, 0.0) + seconds

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        labels = ["method", "route", "status"]
        requests = CounterMetricFamily("h2market_requests", "Requests answered.", labels=labels)
        for (method, template, status), count in self._counts.items():
            requests.add_metric([method, template, str(status)], count)
        yield requests
        times = HistogramMetricFamily("h2market_request_seconds", "Time to answer.", labels=["route"])
        for template, counts in self._times.items():
            bounds = [*map(str, BUCKETS_S), "+Inf"]
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            times.add_metric([template], buckets, self._seconds[template])
        yield times
