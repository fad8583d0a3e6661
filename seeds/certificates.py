"""What the laboratory of a plant finds in a load, and what it says of it."""

from __future__ import annotations

from random import Random
from typing import Any

from tracking.quality import find_standard

STANDARD, EDITION = "GB/T 37244", "2018"
LABORATORY = "Springwell Gas Laboratory 泉井气体检测"
PURE = 10**9
#: Everything that is not hydrogen, in nmol/mol; the limit is 300,000.
OTHER_THAN_HYDROGEN = (8_000, 60_000)
#: The species that spoils fuel cells first.
SPOILER = "carbon_monoxide"
#: Of a limit, in hundredths, what is found in good gas and of the spoiler in bad.
WITHIN, BEYOND = (5, 60), (120, 300)


def certificate(rng: Random, sampled_at: str, *, spoiled: bool = False) -> dict[str, Any]:
    """A certificate as the interface takes it; a spoiled load is over the limit for carbon monoxide."""
    found = {
        limit.species: limit.maximum * rng.randint(*(BEYOND if spoiled and limit.species == SPOILER else WITHIN)) // 100
        for limit in find_standard(STANDARD, EDITION).limits
        if limit.maximum is not None
    }
    found["total_non_hydrogen"] = rng.randint(*OTHER_THAN_HYDROGEN)
    found["hydrogen"] = PURE - found["total_non_hydrogen"]
    return {
        "laboratory": LABORATORY,
        "sampled_at": sampled_at,
        "standard": STANDARD,
        "edition": EDITION,
        "results": [{"species": species, "value": value} for species, value in found.items()],
    }
