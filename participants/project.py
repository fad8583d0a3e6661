"""From the register's state to its rows."""

from __future__ import annotations

import msgspec

from kernel.room import Projected, table_of
from participants.model import COMPANIES, FACILITIES, KEYS, WEBHOOKS
from participants.tables import ApiKeyRow, CompanyRow, FacilityRow, WebhookRow

PROJECTIONS = {
    COMPANIES: Projected(table_of(CompanyRow), msgspec.structs.astuple),
    FACILITIES: Projected(table_of(FacilityRow), msgspec.structs.astuple),
    KEYS: Projected(table_of(ApiKeyRow), msgspec.structs.astuple),
    WEBHOOKS: Projected(table_of(WebhookRow), msgspec.structs.astuple),
}
