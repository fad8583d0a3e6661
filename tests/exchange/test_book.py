"""What a command leads to, case by case: the specification of the book, the limits and the market's day."""

from __future__ import annotations

import pytest

from exchange.machine import ExchangeMachine
from tests.exchange.scenarios import Scenario

TABLE = """
CASE An_order_rests_alone
a B1 buy 5 @ 100            | placed a

CASE A_trade_is_at_the_resting_price_for_an_incoming_sell
a B1 buy 5 @ 120            | placed a
b S1 sell 5 @ 100           | placed b ; trade a b 5 @ 120

CASE A_trade_is_at_the_resting_price_for_an_incoming_buy
a S1 sell 5 @ 100           | placed a
b B1 buy 5 @ 120            | placed b ; trade b a 5 @ 100

CASE Prices_that_do_not_meet_rest_apart
a B1 buy 5 @ 100            | placed a
b S1 sell 5 @ 110           | placed b

CASE The_best_bid_comes_first
a B1 buy 5 @ 100            | placed a
b B2 buy 5 @ 120            | placed b
c O1 buy 5 @ 110            | placed c
d S1 sell 15 @ 100          | placed d ; trade b d 5 @ 120 ; trade c d 5 @ 110 ; trade a d 5 @ 100

CASE The_best_ask_comes_first
a S1 sell 5 @ 120           | placed a
b S2 sell 5 @ 100           | placed b
c O1 sell 5 @ 110           | placed c
d B1 buy 15 @ 120           | placed d ; trade d b 5 @ 100 ; trade d c 5 @ 110 ; trade d a 5 @ 120

CASE The_oldest_comes_first_at_one_price
a B1 buy 2 @ 100            | placed a
b B2 buy 2 @ 100            | placed b
c S1 sell 3 @ 100           | placed c ; trade a c 2 @ 100 ; trade b c 1 @ 100
d S1 sell 1 @ 100           | placed d ; trade b d 1 @ 100

CASE A_partial_fill_keeps_the_resting_order_s_place
a B1 buy 5 @ 100            | placed a
b B2 buy 5 @ 100            | placed b
c S1 sell 2 @ 100           | placed c ; trade a c 2 @ 100
d S1 sell 4 @ 100           | placed d ; trade a d 3 @ 100 ; trade b d 1 @ 100

CASE The_remainder_rests_at_its_own_price
a S1 sell 2 @ 100           | placed a
b B1 buy 5 @ 120            | placed b ; trade b a 2 @ 100
c S2 sell 3 @ 110           | placed c ; trade b c 3 @ 120

CASE An_emptied_level_leaves_no_phantom_price
a S1 sell 1 @ 100           | placed a
b B1 buy 1 @ 100            | placed b ; trade b a 1 @ 100
c B1 buy 1 @ 100            | placed c
d S1 sell 1 @ 110           | placed d

CASE Products_have_books_of_their_own
a S1 sell 1 @ 100 X         | placed a
b B1 buy 1 @ 100 Y          | placed b

CASE An_IOC_remainder_never_rests
a S1 sell 2 @ 100           | placed a
b B1 buy 5 @ 100 ioc        | placed b ; trade b a 2 @ 100 ; cancelled b 3 ioc
c S1 sell 3 @ 100           | placed c

CASE An_IOC_that_meets_nothing_is_cancelled
a B1 buy 5 @ 100 ioc        | placed a ; cancelled a 5 ioc

CASE An_IOC_that_fills_is_not_cancelled
a S1 sell 5 @ 100           | placed a
b B1 buy 5 @ 100 ioc        | placed b ; trade b a 5 @ 100

CASE A_cancel_takes_what_is_open
a B1 buy 5 @ 100            | placed a
b S1 sell 2 @ 100           | placed b ; trade a b 2 @ 100
a cancel                    | cancelled a 3 requested
c S1 sell 1 @ 100           | placed c

CASE A_second_cancel_hits_nobody_else
a B1 buy 5 @ 100            | placed a
b B2 buy 5 @ 100            | placed b
a cancel                    | cancelled a 5 requested
a cancel                    | error order_not_open
c S1 sell 5 @ 100           | placed c ; trade b c 5 @ 100

CASE A_cancel_in_the_middle_of_a_queue
a B1 buy 1 @ 100            | placed a
b B2 buy 1 @ 100            | placed b
c O1 buy 1 @ 100            | placed c
b cancel                    | cancelled b 1 requested
d S1 sell 2 @ 100           | placed d ; trade a d 1 @ 100 ; trade c d 1 @ 100

CASE A_filled_order_cannot_be_cancelled
a B1 buy 1 @ 100            | placed a
b S1 sell 1 @ 100           | placed b ; trade a b 1 @ 100
a cancel                    | error order_not_open
b cancel                    | error order_not_open

CASE Another_s_order_is_as_unknown_as_none
a B1 buy 1 @ 100            | placed a
a cancel by B2              | error order_not_open
a amend 1 @ 110 by B2       | error order_not_open
z cancel by B1              | error order_not_open
z amend 1 @ 100 by B1       | error order_not_open

CASE Fewer_loads_keep_the_place
a B1 buy 5 @ 100            | placed a
b B2 buy 5 @ 100            | placed b
a amend 2 @ 100             | amended a 2 @ 100 keeps
c S1 sell 3 @ 100           | placed c ; trade a c 2 @ 100 ; trade b c 1 @ 100

CASE More_loads_lose_the_place
a B1 buy 1 @ 100            | placed a
b B2 buy 1 @ 100            | placed b
a amend 2 @ 100             | amended a 2 @ 100 loses
c S1 sell 2 @ 100           | placed c ; trade b c 1 @ 100 ; trade a c 1 @ 100

CASE Another_price_loses_the_place
a B1 buy 1 @ 100            | placed a
b B2 buy 1 @ 100            | placed b
a reprice 110               | amended a 1 @ 110 loses
a reprice 100               | amended a 1 @ 100 loses
c S1 sell 1 @ 100           | placed c ; trade b c 1 @ 100

CASE Another_price_with_fewer_loads_loses_the_place
a B1 buy 2 @ 100            | placed a
b B2 buy 1 @ 90             | placed b
a amend 1 @ 90              | amended a 1 @ 90 loses
c S1 sell 1 @ 90            | placed c ; trade b c 1 @ 90

CASE The_same_terms_again_keep_the_place
a B1 buy 1 @ 100            | placed a
b B2 buy 1 @ 100            | placed b
a amend 1 @ 100             | amended a 1 @ 100 keeps
c S1 sell 1 @ 100           | placed c ; trade a c 1 @ 100

CASE An_amend_that_crosses_trades_at_the_resting_price
a B1 buy 5 @ 100            | placed a
b S1 sell 2 @ 120           | placed b
c S2 sell 2 @ 130           | placed c
a reprice 140               | amended a 5 @ 140 loses ; trade a b 2 @ 120 ; trade a c 2 @ 130
d S1 sell 1 @ 110           | placed d ; trade a d 1 @ 140

CASE An_amend_that_fills_ends_the_order
a S1 sell 2 @ 120           | placed a
b B1 buy 2 @ 100            | placed b
a reprice 100               | amended a 2 @ 100 loses ; trade b a 2 @ 100
a cancel                    | error order_not_open

CASE A_new_total_counts_what_is_executed
a B1 buy 5 @ 100            | placed a
b S1 sell 3 @ 100           | placed b ; trade a b 3 @ 100
a resize 4                  | amended a 4 @ 100 keeps
c S1 sell 5 @ 100           | placed c ; trade a c 1 @ 100

CASE A_total_at_what_is_executed_ends_the_order
a B1 buy 5 @ 100            | placed a
b S1 sell 3 @ 100           | placed b ; trade a b 3 @ 100
a resize 3                  | cancelled a 2 amended_below_executed
a cancel                    | error order_not_open

CASE A_total_below_what_is_executed_ends_the_order
a B1 buy 5 @ 100            | placed a
b S1 sell 3 @ 100           | placed b ; trade a b 3 @ 100
a resize 1                  | cancelled a 2 amended_below_executed

CASE A_total_of_zero_ends_the_order
a B1 buy 5 @ 100            | placed a
a resize 0                  | cancelled a 5 amended_below_executed

CASE An_amend_is_held_to_the_product_s_terms
a B1 buy 5 @ 100            | placed a
a reprice 105               | error price_off_tick
a reprice 0                 | error price_out_of_range
a reprice 10010             | error price_out_of_range
a resize 101                | error loads_out_of_range
a resize -1                 | error loads_out_of_range
b S1 sell 5 @ 100           | placed b ; trade a b 5 @ 100

CASE An_order_is_held_to_the_product_s_terms
a B1 buy 5 @ 105            | rejected a price_off_tick price 0
b B1 buy 5 @ 0              | rejected b price_out_of_range price 0
c B1 buy 5 @ -10            | rejected c price_out_of_range price 0
d B1 buy 5 @ 10010          | rejected d price_out_of_range price 0
e B1 buy 0 @ 100            | rejected e loads_out_of_range loads 0
f B1 buy 101 @ 100          | rejected f loads_out_of_range loads 0
g B1 buy 100 @ 10000        | placed g

CASE A_rejected_order_cannot_be_cancelled
a B1 buy 5 @ 105            | rejected a price_off_tick price 0
a cancel                    | error order_not_open

CASE Only_suitable_roles_trade
a S1 buy 1 @ 100            | rejected a role_unsuitable side 0
b B1 sell 1 @ 100           | rejected b role_unsuitable side 0
c H1 sell 1 @ 100           | rejected c role_unsuitable side 0
d H1 buy 1 @ 100            | rejected d role_unsuitable side 0
e A1 buy 1 @ 100            | rejected e role_unsuitable side 0
f S1 sell 1 @ 100 HAUL      | rejected f role_unsuitable side 0
g H1 buy 1 @ 100 HAUL       | rejected g role_unsuitable side 0
h O1 sell 1 @ 100 HAUL      | rejected h role_unsuitable side 0

CASE Haulage_is_bought_by_whoever_needs_it_moved
a H1 sell 3 @ 100 HAUL      | placed a
b S1 buy 1 @ 100 HAUL       | placed b ; trade b a 1 @ 100
c B1 buy 1 @ 100 HAUL       | placed c ; trade c a 1 @ 100
d O1 buy 1 @ 100 HAUL       | placed d ; trade d a 1 @ 100

CASE Strangers_and_unknown_products_are_rejected
a Z9 buy 1 @ 100            | rejected a not_admitted - 0
b B1 buy 1 @ 100 NONE       | rejected b unknown_product product_id 0

CASE A_new_admission_replaces_the_roles
admit B1 producer           | TraderAdmitted
admit B1 producer           | nothing
a B1 buy 1 @ 100            | rejected a role_unsuitable side 0

CASE An_own_resting_order_cancels_the_incoming
a Q1 sell 5 @ 100           | placed a
b Q1 buy 5 @ 100            | placed b ; cancelled b 5 self_trade
c B1 buy 5 @ 100            | placed c ; trade c a 5 @ 100

CASE An_incoming_order_trades_until_it_meets_an_own_one
a S1 sell 2 @ 90            | placed a
b Q1 sell 2 @ 100           | placed b
c S1 sell 2 @ 110           | placed c
d Q1 buy 6 @ 110            | placed d ; trade d a 2 @ 90 ; cancelled d 4 self_trade

CASE An_order_that_is_filled_before_its_own_one_is_filled
a S1 sell 2 @ 100           | placed a
b Q1 sell 2 @ 100           | placed b
c Q1 buy 2 @ 100            | placed c ; trade c a 2 @ 100

CASE An_amend_that_meets_an_own_order_ends
a Q1 sell 5 @ 100           | placed a
b Q1 buy 5 @ 90             | placed b
b reprice 100               | amended b 5 @ 100 loses ; cancelled b 5 self_trade

CASE An_IOC_that_meets_an_own_order_says_so
a Q1 sell 5 @ 100           | placed a
b Q1 buy 5 @ 100 ioc        | placed b ; cancelled b 5 self_trade

CASE Money_is_reserved_at_the_order_s_price
a B1 buy 100 @ 9000         | placed a
b B1 buy 11 @ 10000         | rejected b money_limit_exceeded loads 10000
c B1 buy 10 @ 10000         | placed c
d B1 buy 1 @ 10             | rejected d money_limit_exceeded loads 10
a cancel                    | cancelled a 100 requested
e B1 buy 90 @ 10000         | placed e

CASE A_better_trade_price_frees_money
a S1 sell 100 @ 5000        | placed a
b B1 buy 100 @ 10000        | placed b ; trade b a 100 @ 5000
c B1 buy 100 @ 5010         | rejected c money_limit_exceeded loads 1000
d B1 buy 100 @ 5000         | placed d

CASE An_IOC_remainder_and_a_self_trade_give_money_back
a B1 buy 100 @ 10000 ioc    | placed a ; cancelled a 100 ioc
b Q1 sell 1 @ 100           | placed b
c Q1 buy 100 @ 10000        | placed c ; cancelled c 100 self_trade
d B1 buy 100 @ 10000        | placed d ; trade d b 1 @ 100
e Q1 buy 100 @ 10000        | placed e

CASE An_amend_needs_only_the_difference
a B1 buy 90 @ 10000         | placed a
a resize 100                | amended a 100 @ 10000 loses
b B1 buy 1 @ 10             | rejected b money_limit_exceeded loads 10
a amend 90 @ 9000           | amended a 90 @ 9000 loses
c B1 buy 19 @ 10000         | placed c
a resize 91                 | error money_limit_exceeded
a reprice 9010              | error money_limit_exceeded
a resize 89                 | amended a 89 @ 9000 keeps

CASE Loads_of_a_window_are_one_capacity_for_all_its_products
capacity S1 hydrogen 10     | CapacitySet
a S1 sell 6 @ 100 X         | placed a
b S1 sell 5 @ 100 Y         | rejected b capacity_exceeded loads 1
c S1 sell 4 @ 100 Y         | placed c
a resize 7                  | error capacity_exceeded
d B1 buy 6 @ 100            | placed d ; trade d a 6 @ 100
e S1 sell 1 @ 100           | rejected e capacity_exceeded loads 1
c cancel                    | cancelled c 4 requested
f S1 sell 4 @ 100           | placed f

CASE Capacity_cannot_fall_below_its_use
a S1 sell 6 @ 200           | placed a
b S1 sell 4 @ 100           | placed b
c B1 buy 4 @ 100            | placed c ; trade c b 4 @ 100
capacity S1 hydrogen 9      | error capacity_below_use
capacity S1 hydrogen 10     | CapacitySet
capacity S1 hydrogen 10     | nothing
capacity S1 hydrogen -1     | error amount_invalid
capacity S1 haulage 5       | error role_unsuitable
capacity Z9 hydrogen 5      | error trader_not_found

CASE A_seller_without_capacity_lacks_all_its_loads
admit N1 producer           | TraderAdmitted
a N1 sell 3 @ 100           | rejected a capacity_exceeded loads 3

CASE Money_that_orders_hold_cannot_be_taken_back
a B1 buy 50 @ 10000         | placed a
reduce B1 500001            | MoneyReductionRefused 1
reduce B1 500000            | MoneyReduced
reduce B1 0                 | error amount_invalid
b B1 buy 1 @ 10             | rejected b money_limit_exceeded loads 10
reduce Z9 5                 | MoneyReductionRefused 5

CASE Committed_money_is_spent_or_free_again
a S1 sell 100 @ 10000       | placed a
b B1 buy 100 @ 10000        | placed b ; trade b a 100 @ 10000
c B1 buy 1 @ 10             | rejected c money_limit_exceeded loads 10
release B1 10000 9990       | CommitmentReleased
d B1 buy 1 @ 10             | placed d
release B1 990001 0         | error commitment_exceeded
release B1 10 11            | error commitment_exceeded
release B1 -1 0             | error commitment_exceeded
release Z9 1 0              | error commitment_exceeded
release B1 990000 0         | CommitmentReleased
e B1 buy 99 @ 10000         | placed e
grant B1 0                  | error amount_invalid
grant B1 1000000000000000000 | error amount_invalid

CASE A_closed_market_takes_only_cancels
a B1 buy 1 @ 100            | placed a
shut 2026-01-05             | MarketClosed
shut 2026-01-05             | nothing
b B1 buy 1 @ 100            | rejected b market_closed - 0
a reprice 110               | error market_closed
a cancel                    | cancelled a 1 requested

CASE Day_orders_expire_and_the_others_rest_over_night
a B1 buy 1 @ 100 day        | placed a
b B2 buy 2 @ 100            | placed b
c O1 buy 3 @ 100 day        | placed c
shut 2026-01-05             | cancelled a 1 expired ; cancelled c 3 expired ; MarketClosed
open 2026-01-06             | MarketOpened
d S1 sell 5 @ 100           | placed d ; trade b d 2 @ 100

CASE The_market_s_days_follow_each_other
open 2026-01-05             | nothing
open 2026-01-06             | error market_day_conflict
shut 2026-01-06             | error market_day_conflict
shut 2026-01-05             | MarketClosed
open 2026-01-04             | error market_day_conflict
open 2026-01-05             | MarketOpened

CASE A_closed_product_cancels_its_orders
a B1 buy 1 @ 100            | placed a
b S1 sell 2 @ 110           | placed b
c B1 buy 3 @ 100 Y          | placed c
close X                     | cancelled a 1 product_closed ; cancelled b 2 product_closed ; ProductClosed
close X                     | nothing
d B1 buy 1 @ 100            | rejected d product_closed product_id 0
close NONE                  | error product_not_found
c cancel                    | cancelled c 3 requested

CASE A_product_keeps_its_terms
list X 10                   | nothing
list X 20                   | error product_terms_fixed
list Z 20                   | ProductListed
list W 0                    | error terms_invalid
close X                     | ProductClosed
list X 10                   | nothing

CASE A_suspended_trader_loses_its_orders
a B1 buy 1 @ 100            | placed a
b B2 buy 1 @ 100            | placed b
c B1 buy 2 @ 90 Y           | placed c
suspend B1                  | cancelled a 1 suspended ; cancelled c 2 suspended ; TraderSuspended
suspend B1                  | nothing
d B1 buy 1 @ 100            | rejected d suspended - 0
admit B1 station producer   | TraderAdmitted
e B1 buy 1 @ 100            | rejected e suspended - 0
reinstate B1                | TraderReinstated
reinstate B1                | nothing
f B1 buy 1 @ 100            | placed f
suspend Z9                  | nothing
reinstate Z9                | nothing
"""


def cases() -> list[tuple[str, list[str]]]:
    """The cases of the table by name."""
    parts = [part.strip().splitlines() for part in TABLE.split("CASE ")[1:]]
    return [(lines[0].strip(), lines[1:]) for lines in parts]


@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarting"])
@pytest.mark.parametrize(("name", "lines"), cases(), ids=[name for name, _ in cases()])
def test_table(name: str, lines: list[str], restarts: bool) -> None:
    scenario = Scenario()
    for line in lines:
        command, _, expected = line.partition("|")
        assert scenario.run(command) == expected.strip(), f"{name}: {command.strip()}"
        if restarts:
            scenario.machine.restore(scenario.machine.dump())
    replayed = ExchangeMachine()
    for seq, at, event in scenario.log:
        replayed.evolve(event, at, seq)
    replayed.check()
    assert replayed.digest() == scenario.machine.digest()
