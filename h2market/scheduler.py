"""The scheduler as a process of its own: it rings, the services act."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import httpx

from h2market.platform import JOBS
from kernel.clock import SystemClock
from kernel.config import SERVICES, Settings
from kernel.jobs import AlarmClock, Job


async def run_scheduler(settings: Settings) -> None:
    """Rings until it is told to stop. Needs the URLs of all services and the service key; raises ValueError without
    them."""
    missing = [f"H2MARKET_{service.upper()}_URL" for service in SERVICES if not settings.url_of(service)]
    if not settings.service_key:
        missing.append("H2MARKET_SERVICE_KEY")
    if missing:
        raise ValueError(f"the scheduler needs {', '.join(missing)} / 调度器需要设置 {'、'.join(missing)}")
    clients = {
        service: httpx.AsyncClient(
            base_url=settings.url_of(service),
            headers={"Authorization": f"Bearer {settings.service_key}"},
            timeout=120,
            trust_env=False,
        )
        for service in SERVICES
    }
    alarm = AlarmClock(
        SystemClock(), [(job, _ring(clients[service], job)) for service in SERVICES for job in JOBS[service]]
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await alarm.start()
    await stop.wait()
    alarm.stop()
    for client in clients.values():
        await client.aclose()


def _ring(client: httpx.AsyncClient, job: Job) -> Callable[[], Any]:
    async def ring() -> None:
        response = await client.post(f"/v1/internal/jobs/{job.name}")
        response.raise_for_status()

    return ring
