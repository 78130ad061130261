"""The nouns of ICE, pure: addresses and their scopes, candidates, STUN and TURN servers."""
