"""rtcguard as the gateway of clients that know nothing of it: firewall, responder, proxy."""
