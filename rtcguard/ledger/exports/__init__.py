"""Exports: the ledger's events, sent on as they come.

An export reads behind a place of its own in the local store (`delivery`), so none can stall what
writes there, and after an outage each goes on where it was. Delivery is *at least once*: the place
moves on after the receiver has the events, and what was sent and not known to be received is sent
again. An event's id is the same each time; receivers drop doubles by it.

To add one: a value in `policy/export.py`, its keys in `policy/export_keys.py`, a module here with a
`Sink`, and its row in `table.py`.
"""
