"""The lab: real browsers, TURN servers and a gateway between network namespaces."""
