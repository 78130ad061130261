"""`rtcguard demo`: a call without rtcguard and one with it, in a network made for them."""
