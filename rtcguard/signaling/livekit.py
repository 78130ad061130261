"""LiveKit's join: approved TURN servers and the built-in switch that forces relays.

SignalResponse (livekit_rtc.proto): join 1 is a JoinResponse (ice_servers 5, client_configuration
8), reconnect 19 a ReconnectResponse (ice_servers 1, client_configuration 2). ICEServer: urls 1,
username 2, credential 3. ClientConfiguration: force_relay 5, of which 2 is "enabled".
"""

from collections.abc import Sequence
from typing import Final

from rtcguard.errors import ParseError
from rtcguard.ice.server import RtcIceServer
from rtcguard.signaling import protobuf
from rtcguard.signaling.message import Message
from rtcguard.signaling.protobuf import LENGTH, Field

# By the number of the response: the numbers of its ICE servers and of its client configuration.
_RESPONSES: Final = {1: (5, 8), 19: (1, 2)}
_FORCE_RELAY: Final = 5
_ENABLED: Final = 2


def relay_only(message: Message) -> bytes | None:
    """The response with what makes its client relay-only; None where it is no such response."""
    if message.direction != "inbound" or not message.path.startswith("/rtc"):
        return None
    try:
        fields = protobuf.read(message.content)
        if len(fields) != 1 or fields[0].number not in _RESPONSES or fields[0].wire != LENGTH:
            return None
        number = fields[0].number
        response = _forced(protobuf.read(fields[0].value), *_RESPONSES[number], message.servers)
    except ParseError:
        return None
    return protobuf.write([Field(number, LENGTH, protobuf.write(response))])


def _forced(
    response: list[Field], ice_servers: int, configuration: int, servers: Sequence[RtcIceServer]
) -> list[Field]:
    approved = [_server(ice_servers, server) for server in servers]
    known = {field.value for field in response if field.number == ice_servers}
    made = [field for field in approved if field.value not in known]
    told = next((field.value for field in response if field.number == configuration), b"")
    settings = [one for one in protobuf.read(told) if one.number != _FORCE_RELAY]
    settings.append(protobuf.number(_FORCE_RELAY, _ENABLED))
    rest = [field for field in response if field.number != configuration]
    return [*rest, *made, Field(configuration, LENGTH, protobuf.write(settings))]


def _server(number: int, server: RtcIceServer) -> Field:
    fields = [protobuf.text(1, url) for url in server["urls"]]
    fields += protobuf.text(2, server["username"]), protobuf.text(3, server["credential"])
    return Field(number, LENGTH, protobuf.write(fields))
