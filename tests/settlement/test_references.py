"""A payment finds its owner by the reference, however it was typed, and never by a guess."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.model import BankEntry, Direction, Party
from settlement.references import participants_named, payment_reference
from settlement.suggestions import suggest


@pytest.mark.parametrize(
    "text",
    [
        "H2M-P7-86",
        "h2m-p7-86",
        "H2M P7 86",
        "H2MP786",
        "Ｈ２Ｍ－Ｐ７－８６",
        "货款H2M-P7-86。",
        "(H2M/P7/86)",
        "H2M—P7—86",
        "h2m–p7–86 1月",
        "H 2 M P 7 - 86",
        "H2M-P7-86 H2M-P7-86",
        "付款:h2m_p7_86,谢谢",
    ],
)
def test_it_is_found_as_people_type_it(text: str) -> None:
    assert participants_named(text) == ("P7",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "H2M",
        "P7",
        "H2M-P7",
        "H2M-P7-85",
        "H2M-P8-86",
        "H2M-P7-867",
        "H2M-P07-86",
        "HZM-P7-86",
        "H2M-P7-8",
        "H2M-P-86",
        "786",
        "H2M-P6784-861",
        "H2MP6784-861",
        "H2MP6784 8",
        "H2M-P7 共 86",
        "H2M-P7----86",
    ],
)
def test_what_is_not_certain_is_nobody(text: str) -> None:
    assert participants_named(text) == ()


def test_letters_read_for_digits_are_taken_when_the_check_digits_agree() -> None:
    reference = payment_reference("P101")
    assert participants_named(reference.replace("P101", "PIO1")) == ("P101",)


def test_two_references_are_two_participants() -> None:
    assert participants_named(f"{payment_reference('P7')} {payment_reference('P12')}") == ("P7", "P12")


@given(number=st.integers(1, 10**18 - 1))
def test_every_participant_has_one_that_finds_it(number: int) -> None:
    reference = payment_reference(f"P{number}")
    assert participants_named(reference) == (f"P{number}",)
    assert participants_named(reference.replace("-", "")) == (f"P{number}",)


@given(number=st.integers(1, 10**9), place=st.integers(0, 30), digit=st.sampled_from(string.digits))
def test_one_wrong_digit_is_nobody(number: int, place: int, digit: str) -> None:
    reference = payment_reference(f"P{number}")
    place = 5 + place % (len(reference) - 5)
    if reference[place].isdigit() and reference[place] != digit:
        assert participants_named(reference[:place] + digit + reference[place + 1 :]) == ()


def party(number: int, name: str, name_zh: str, account: str = "") -> Party:
    return Party(f"P{number}", name, name_zh, payment_reference(f"P{number}"), "", account, "", 1)


def entry(remittance: str = "", name: str = "", account: str = "", direction: Direction = "credit") -> BankEntry:
    return BankEntry(
        "B-1",
        "B",
        1,
        direction,
        1,
        "2026-01-05",
        False,
        "",
        "",
        name,
        account,
        remittance,
        "unmatched",
        "suspense",
        "",
        "",
        1,
    )


PARTIES = (
    party(7, "Jinyuan Hydrogen", "晋源氢能有限公司"),
    party(8, "Fenhe Haulage", "汾河运输有限公司", "62170008"),
    party(1234, "Yungang Energy", "云冈能源有限公司"),
)


def test_guesses_are_ranked_and_say_what_they_rest_on() -> None:
    best = suggest(entry("H2M-P1234-0"), PARTIES)[0]
    assert (best.participant_id, best.basis) == ("P1234", "reference") and best.score < 100
    assert [(g.participant_id, g.basis) for g in suggest(entry(name="晋源氢能公司"), PARTIES)] == [("P7", "name")]
    assert [(g.participant_id, g.score) for g in suggest(entry(account="62170008"), PARTIES)] == [("P8", 100)]


def test_nothing_alike_gives_no_guess() -> None:
    assert suggest(entry("electricity", "某电力公司"), PARTIES) == []
    assert suggest(entry(), PARTIES) == []
