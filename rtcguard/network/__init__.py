"""Ring 3: STUN messages and the responder's answers (pure); its sockets, in files of their own."""
