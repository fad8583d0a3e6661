"""What a reconciliation says: rules, differences with both sides, open items; every sentence in both languages."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kernel.errors import Language
from kernel.quantity import MICROS_PER_S, format_mass, format_money


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence or value in both languages."""

    en: str
    zh: str

    def of(self, language: Language) -> str:
        """The text in ``language``."""
        return self.zh if language == "zh" else self.en


def plain(value: object) -> Text:
    """A value that reads the same in both languages."""
    return Text(str(value), str(value))


def money(amount_fen: int) -> Text:
    """Fen as CNY."""
    return plain(f"{format_money(amount_fen)} CNY")


def mass(mass_g: int) -> Text:
    """Grams as kg."""
    return plain(f"{format_mass(mass_g)} kg")


#: What a side says that knows nothing of a thing.
NOTHING = Text("nothing", "无")


@dataclass(frozen=True, slots=True)
class Side:
    """What one side calls the thing, and what it says of it."""

    what: Text
    value: Text


@dataclass(frozen=True, slots=True)
class Difference:
    """Two sides that do not agree about ``key``. ``since`` is the time of the newer side (UTC microseconds); ``gap`` is
    the difference of two numbers, None where the sides are not numbers."""

    key: str
    left: Side
    right: Side
    since: int
    resolve: Text
    gap: int | None = None

    def age_s(self, at: int) -> int:
        """Whole seconds that the newer side is old."""
        return max(0, at - self.since) // MICROS_PER_S

    def same_as(self, other: Difference) -> bool:
        """Whether a second look found this again. The sums of a busy account move, a true gap in them does not."""
        if (self.key, self.left.what, self.right.what, self.gap) != (
            other.key,
            other.left.what,
            other.right.what,
            other.gap,
        ):
            return False
        return self.gap is not None or (self.left.value, self.right.value) == (other.left.value, other.right.value)


@dataclass(frozen=True, slots=True)
class OpenItem:
    """Something that is on its way outside the house, since ``since``, and is no difference yet."""

    key: str
    what: Text
    value: Text
    since: int

    def age_s(self, at: int) -> int:
        """Whole seconds that it is on its way."""
        return max(0, at - self.since) // MICROS_PER_S


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule over ``checked`` things."""

    rule: str
    title: Text
    checked: int
    differences: tuple[Difference, ...]
    open_items: tuple[OpenItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All rules at ``at`` (UTC microseconds)."""

    at: int
    rules: tuple[RuleResult, ...]

    @property
    def differences(self) -> int:
        """How many there are."""
        return sum(len(rule.differences) for rule in self.rules)

    @property
    def ok(self) -> bool:
        """Whether there is none."""
        return self.differences == 0


def lasting(before: Report, after: Report) -> Report:
    """The second of two looks, with those differences only that the first had as well: the others were on their way."""
    known = {rule.rule: rule.differences for rule in before.rules}
    rules = tuple(
        replace(
            rule,
            differences=tuple(
                difference
                for difference in rule.differences
                if any(difference.same_as(seen) for seen in known[rule.rule] if seen.key == difference.key)
            ),
        )
        for rule in after.rules
    )
    return Report(after.at, rules)
