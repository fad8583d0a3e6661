"""The server is killed under load, again and again. Everything that it acknowledged must still be there, every dead-man
switch must fire once, and whoever reads a stream must miss nothing and hear nothing twice.

    requests, orders                    what is asked, and how the log must say it
    sending, specialists, hauliers,     who asks: companies over REST and WebSockets, the bank, the operator,
    undoing, market_time                the clock
    listening                           who reads: clients written from docs/stream.md alone
    logs, recount, told                 the logs read by plain arithmetic, and what they say to readers
    effects, deadmen, three_parties,    what is looked at: requests, switches, implied matches, recalls, loads,
    recalls, loads, coverage, hearing   types of orders, books
    judge                               the verdict on the evidence of a round; the tests put faults into it
    rounds, stores                      load, kill, restart, check; on both stores
"""
