"""Values that have a short way besides the long one."""

import ipaddress

from hypothesis import example, given
from hypothesis import strategies as st

from rtcguard.policy.rule import Network
from rtcguard.policy.yaml_values import parse_network

PARTS = st.sampled_from(["0", "1", "10", "255", "256", "01", "", " 1", "+1", "1_0", "٣", "a"])
NETWORKS = st.lists(PARTS, min_size=3, max_size=5).map(".".join)
LENGTHS = st.sampled_from(["", "/", "/0", "/8", "/08", "/32", "/33", "/-1", "/255.0.0.0", "/8/8"])


def by_the_library(value: str) -> Network | None:
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        return None


@given(
    st.builds(str.__add__, NETWORKS, LENGTHS)
    | st.ip_addresses().map(str)
    | st.builds("{}/{}".format, st.ip_addresses(), st.integers(0, 128))
)
@example("10.0.0.0/8")
@example("10.0.0.1/8")
@example("::/0")
def test_a_network_is_what_the_library_says(value: str) -> None:
    try:
        made = parse_network(value)
    except ValueError:
        made = None
    assert made == by_the_library(value)
