"""A gateway's forwarder as a process of its own, which can be killed: LEDGER URL NODE."""

import sys
import threading
from pathlib import Path

from rtcguard.ledger.exports import delivery
from rtcguard.ledger.exports.delivery import Delivery
from rtcguard.ledger.exports.postgresql import PostgreSQLSink
from rtcguard.ledger.store import Store
from rtcguard.policy import store_url


def main(ledger: str, url: str, node: str) -> None:
    delivery.FIRST_WAIT, delivery.LONGEST_WAIT, delivery.LOOK_EVERY = 0.05, 0.2, 0.05  # type: ignore[misc]
    sink = PostgreSQLSink(url, node, node, 3650 * 86400)
    one = Delivery(store_url.parse(url).name, sink, lambda records: None)
    one.run(Store(Path(ledger)), threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
