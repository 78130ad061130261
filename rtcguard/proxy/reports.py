"""Reports of page guards, as they come to the reserved path: whether one is taken, and what it
confirms."""

from dataclasses import dataclass, replace
from functools import partial

from mitmproxy import http

from rtcguard.errors import ParseError
from rtcguard.page.report import read_report
from rtcguard.policy.record import Record, decided_by
from rtcguard.proxy import flows
from rtcguard.proxy.flows import Parties
from rtcguard.proxy.standing import Standing


@dataclass(frozen=True, slots=True)
class Taken:
    """What a report tells; whether it `confirms` that the client's pages of the site have a guard,
    and whether that one only `watches`."""

    records: list[Record]
    confirms: bool
    watches: bool


def take(request: http.Request, parties: Parties, standing: Standing, key: bytes) -> Taken:
    """Reads a report of the site's own page. Raises ParseError or ValueError for anything else."""
    client, site, user = parties.client, parties.host, parties.user
    if not flows.is_sent_from(request, site):
        raise ParseError("a page of another origin sent it")
    settings = standing.documents.settings(site, client, user)
    report = read_report(
        request.get_content(strict=True) or b"",
        key=key,
        site=site,
        client=client,
        settings=settings,
        decision=standing.documents.decide(site, client, user),
        of_server=partial(standing.documents.server_rule, site, client, user),
    )
    guards, watches = standing.config.page.guard, report.terms.mode == "observe"
    holds = guards and report.terms.hold(settings)
    confirms = holds or (guards and watches)
    records = report.records
    if not confirms:
        # One that is laxer than the policy is now confirms nothing, to no process.
        records = [record for record in records if record.kind != "guard"]
    told = [replace(one, user=user) for one in decided_by(report.terms.policy, records)]
    return Taken(told, confirms, not holds)
