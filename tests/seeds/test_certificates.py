"""What the laboratory finds is judged as the day needs it."""

from __future__ import annotations

from random import Random

import pytest

from seeds.certificates import EDITION, SPOILER, STANDARD, certificate
from tracking.quality import find_standard, judge


@pytest.mark.parametrize("seed", range(20))
def test_gas_is_in_spec_unless_it_is_spoiled(seed: int) -> None:
    for spoiled in (False, True):
        paper = certificate(Random(seed), "2026-03-03T06:00:00+08:00", spoiled=spoiled)
        results = {result["species"]: result["value"] for result in paper["results"]}
        judgement = judge(find_standard(STANDARD, EDITION), results)
        assert judgement == (("off_spec", (SPOILER,)) if spoiled else ("in_spec", ()))
        assert results["hydrogen"] + results["total_non_hydrogen"] == 10**9
