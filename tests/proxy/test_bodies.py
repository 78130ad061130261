"""Which bodies are judged."""

import pytest

from rtcguard.proxy.bodies import LIMIT, SMALL, Head, Plan, request_plan, response_plan


@pytest.mark.parametrize(
    ("kind", "length", "plan"),
    [
        ("application/json", 10, Plan.JUDGE),
        ("video/mp4", LIMIT, Plan.JUDGE),  # a page may write any type over a small body
        ("video/mp4", LIMIT + 1, Plan.PASS),
        ("application/json; charset=utf-8", LIMIT + 1, Plan.PASS),
        ("application/sdp", LIMIT + 1, Plan.BLOCK),
        ("Application/JSON", None, Plan.GATE),
        ("application/sdp", None, Plan.GATE),
        ("", None, Plan.GATE),
        ("application/grpc", None, Plan.PASS),  # both sides speak at once: holding would deadlock
        ("application/x-ndjson", None, Plan.LINES),
    ],
)
def test_requests(kind: str, length: int | None, plan: Plan) -> None:
    assert request_plan(Head(kind, length)) is plan


@pytest.mark.parametrize(
    ("kind", "length", "destination", "plan"),
    [
        ("application/json", 10, "empty", Plan.JUDGE),
        ("application/vnd.api+json", 10, "", Plan.JUDGE),
        ("application/json", SMALL + 1, "document", Plan.PASS),
        ("application/json", 10, "script", Plan.SMALL),
        ("application/octet-stream", None, "empty", Plan.PASS),
        ("application/json", LIMIT + 1, "empty", Plan.PASS),
        ("application/json", None, "empty", Plan.GATE),
        ("text/event-stream", None, "empty", Plan.LINES),
        ("text/event-stream", 10, "empty", Plan.LINES),
        ("application/sdp", LIMIT + 1, "", Plan.BLOCK),
        ("image/png", SMALL, "image", Plan.SMALL),
    ],
)
def test_responses(kind: str, length: int | None, destination: str, plan: Plan) -> None:
    assert response_plan(Head(kind, length), destination) is plan
