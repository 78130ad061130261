"""The ledger: events of all rings, their store, and the reports made from it."""
