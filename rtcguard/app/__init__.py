"""Wiring: configuration, secrets, the state folder, the processes and who watches them."""
