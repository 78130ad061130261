"""Native WebRTC clients in the lab: programs without a page, so out of ring 1's reach."""
