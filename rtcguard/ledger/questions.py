"""The questions of reports, to whichever database has the events."""

from rtcguard.ledger import query, ranking, series
from rtcguard.ledger.dialect import Database
from rtcguard.ledger.event import Event
from rtcguard.ledger.query import Filter, Group
from rtcguard.ledger.ranking import Ranked


class Questions:
    """What a ledger can be asked: this machine's own, or a fleet's."""

    _db: Database

    def grouped(self, by: str, asked: Filter) -> list[Group]:
        """As `query.grouped`."""
        return query.grouped(self._db, by, asked)

    def ranked(self, by: str, asked: Filter, sort: str, most: int | None) -> Ranked:
        """As `ranking.ranked`."""
        return ranking.ranked(self._db, by, asked, sort, most)

    def scopes(self, asked: Filter) -> list[tuple[str, int, int]]:
        """As `ranking.scopes`."""
        return ranking.scopes(self._db, asked)

    def over_time(self, by: str, asked: Filter, *, hours: bool) -> list[series.Count]:
        """As `series.over_time`."""
        return series.over_time(self._db, by, asked, hours=hours)

    def events(self, asked: Filter, most: int) -> list[Event]:
        """As `series.events`."""
        return series.events(self._db, asked, most)

    def named(self, name: str, most: int) -> list[Event]:
        """As `series.named`."""
        return series.named(self._db, name, most)
