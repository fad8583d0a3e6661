"""The market's bank account comes from the environment, or is a fictional one."""

from __future__ import annotations

import pytest

from settlement.bank_settings import BankSettings


def test_the_environment_names_the_account() -> None:
    environ = {
        "H2MARKET_BANK_ACCOUNT": "12345",
        "H2MARKET_BANK_HOLDER": "示例",
        "H2MARKET_BANK_CODE": "102161000012",
        "H2MARKET_BANK_OPENING": "1234.5",
    }
    assert BankSettings.from_environment(environ) == BankSettings("12345", "示例", "102161000012", 1_234_50)
    assert BankSettings.from_environment({}) == BankSettings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("H2MARKET_BANK_ACCOUNT", "1234"),
        ("H2MARKET_BANK_ACCOUNT", "6222-0000"),
        ("H2MARKET_BANK_HOLDER", " "),
        ("H2MARKET_BANK_HOLDER", "x" * 141),
        ("H2MARKET_BANK_CODE", "10216100001"),
        ("H2MARKET_BANK_OPENING", "-1.00"),
        ("H2MARKET_BANK_OPENING", "1.005"),
    ],
)
def test_what_no_bank_would_take_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        BankSettings.from_environment({name: value})
