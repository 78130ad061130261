"""Recordings made by others, as the records of what leaked in them.

formats     which files can be read, told by their content: one row each
source      a file's bytes, unpacked, in bounded pieces
scene       what all readers of one run share: the policy, who the clients are, what was not read
pcap, pcapng    frames of a capture; `link`, `internet`: what is in one; `packets`: who reads it
stun_packets, dns_packets    what a STUN packet and a DNS message tell
tcp         connections put together; `streams`: what is spoken on them; `http1`, `websocket`
har, internals, flows, text    the other formats; `json_events`: JSON of any size
exchange    an HTTP exchange or a WebSocket message, judged as the proxy judges it; `decoding`:
            its content encodings
"""
