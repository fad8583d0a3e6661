"""What became of a commit that broke off: the log says it, once it can be read."""

from __future__ import annotations

import time

from kernel.batch import Batch
from kernel.errors import RETRY_AFTER_S, OutcomeUnknown
from kernel.scribe import Hung
from kernel.writer import Writer

#: How long the store is asked. The rooms of the process share the store, so nobody else could be served in that time.
READ_BACK_S = 10.0
READ_BACK_PAUSE_S = 0.1


def was_committed(writer: Writer, batch: Batch) -> bool:
    """In the writer's thread: are the batch's events in the log? If not they never will be.

    Raises OutcomeUnknown where the store stays away: to refuse the batch then might be untrue.
    """
    tail = batch.tail
    until = time.monotonic() + READ_BACK_S
    while True:
        try:
            connection = writer.reconnect()
            with connection.begin():
                if batch.rows and batch.log.hash_at(connection, tail.seq) == tail.hash:
                    return True
            writer.store.forget_unfinished(connection)
            return False
        except Exception as error:
            if isinstance(error, Hung) or time.monotonic() >= until:
                raise OutcomeUnknown(retry_after_s=RETRY_AFTER_S) from error
        time.sleep(READ_BACK_PAUSE_S)
