"""What the exchange refuses about capacities.

Refusal
├── CapacityBelowUse       422  less than what is reserved and consumed
├── WindowOutOfReach       422  the window lies too far behind or ahead
└── WindowsTooMany         422  the participant declared capacities of as many windows as it may
"""

from __future__ import annotations

from kernel.errors import Refusal


class CapacityBelowUse(Refusal):
    """Loads that are ordered or traded cannot be taken back."""

    code = "capacity_below_use"
    en = "{used} loads of the window are reserved or traded: the capacity is {shortfall} loads too small."
    zh = "该时段已有 {used} 车被预留或成交：产能还差 {shortfall} 车。"


class WindowOutOfReach(Refusal):
    """Nobody trades what lies so far behind or ahead."""

    code = "window_out_of_reach"
    en = "A window's capacity can be declared if it begins between {earliest} and {latest}."
    zh = "只能申报在 {earliest} 与 {latest} 之间开始的时段的产能或运力。"


class WindowsTooMany(Refusal):
    """Capacities are part of the state that lies in memory."""

    code = "windows_too_many"
    en = "A company declares the capacities of at most {most} windows at a time."
    zh = "一家企业同时最多申报 {most} 个时段的产能或运力。"
