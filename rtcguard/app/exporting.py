"""The `export` process: a thread for each export, and one for Prometheus' figures.

What is wrong with the configuration is said when `rtcguard run` starts. Later the same
things are outages, of which each thread tells by itself: none of them ends a process, or the run.
"""

import contextlib
import logging
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final
from wsgiref.simple_server import WSGIServer

from rtcguard.app.settings import State, node
from rtcguard.errors import StartError
from rtcguard.ice.address import host_port
from rtcguard.ledger.exports import prometheus
from rtcguard.ledger.exports.delivery import Delivery
from rtcguard.ledger.exports.figures import Figures
from rtcguard.ledger.exports.jsonl import JsonLinesFile
from rtcguard.ledger.exports.sink import Outage, Sink, explained
from rtcguard.ledger.exports.table import sink, tls_context
from rtcguard.ledger.store import Store
from rtcguard.network import firewall
from rtcguard.policy.export import JsonLines
from rtcguard.policy.model import Config, HostPort
from rtcguard.policy.record import Record
from rtcguard.policy.store_url import PostgreSQL

_TRY_AGAIN: Final = 5.0  # seconds
_END_WITHIN: Final = 3.0  # seconds, for all threads; what is not sent then is sent next time

logger = logging.getLogger(__name__)

Tell = Callable[[Iterable[Record]], object]


def wanted(config: Config) -> bool:
    return (
        bool(config.exports)
        or isinstance(config.ledger.store, PostgreSQL)
        or config.metrics.listen is not None
    )


def check(config: Config) -> None:
    """Says what is wrong with the configuration (StartError), at any time."""
    tls_context(config.upstream.trusted_ca)
    for number, export in enumerate(config.exports):
        if isinstance(export, JsonLines):
            file = JsonLinesFile(Path(export.file))
            try:
                file.open()
            except (OSError, Outage) as error:
                raise StartError(
                    f"{export.file}: exports[{number}].file cannot be written: {explained(error)}"
                ) from error
            file.close()


def prepare(config: Config, state: State) -> None:
    """What is to be done once, before any process of a run: raises StartError where the port for
    Prometheus cannot be had, and removes what the processes of the last run measured."""
    if config.metrics.listen is not None:
        try:
            prometheus.server(config.metrics.listen, ()).server_close()
        except OSError as error:
            raise _cannot_bind(config.metrics.listen, error) from error
        with contextlib.closing(Store(state.ledger)) as store:
            store.forget_measures(node(config))


def _cannot_bind(listen: HostPort, error: OSError) -> StartError:
    return StartError(f"metrics.listen: cannot bind {host_port(*listen)}: {error.strerror}")


def describe(config: Config) -> Iterator[str]:
    """Lines for the person who started it."""
    if isinstance(config.ledger.store, PostgreSQL):
        yield f"fleet   {config.ledger.store.name}, as {node(config)}"
    for export in config.exports:
        yield f"export  {export.name}"
    if config.metrics.listen is not None:
        yield f"metrics http://{host_port(*config.metrics.listen)}/metrics"


class Exporting:
    """Runs from its making until `stop`."""

    def __init__(self, config: Config, state: State, workers: int, tell: Tell) -> None:
        self._ledger, self._stop = state.ledger, threading.Event()
        progress = []
        jobs: list[tuple[str, Callable[[Store], object]]] = []
        for name, one in _sinks(config, state):
            delivery = Delivery(name, one, tell)
            progress.append(delivery.progress)
            jobs.append((name, partial(delivery.run, stop=self._stop)))
        if config.metrics.listen is not None:
            figures = Figures(node(config), parts(config, workers), progress)
            answering = _Answering(config.metrics.listen, figures, self._stop)
            jobs.append(("metrics", answering.run))
        self._threads = [
            threading.Thread(target=self._run, args=job, name=job[0], daemon=True) for job in jobs
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, name: str, job: Callable[[Store], object]) -> None:
        """A job with a connection to the store of its own; what breaks it is told once, and it
        begins again."""
        told = ""
        while not self._stop.is_set():
            try:
                with contextlib.closing(Store(self._ledger)) as store:
                    job(store)
            except Exception as error:
                known = isinstance(error, StartError)
                text = str(error) if known else repr(error)
                if text != told:
                    logger.error("%s: %s", name, text, exc_info=not known)
                told = text
                self._stop.wait(_TRY_AGAIN)

    def stop(self) -> None:
        """Ends all threads; one that waits for its receiver ends with the process."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_END_WITHIN / len(self._threads))


def _sinks(config: Config, state: State) -> Iterator[tuple[str, Sink]]:
    """By the names that their places in the ledger are kept under."""
    ledger = config.ledger
    if isinstance(ledger.store, PostgreSQL):
        from rtcguard.ledger.exports.postgresql import PostgreSQLSink  # its import takes a while

        to = PostgreSQLSink(ledger.store.url, node(config), state.instance(), ledger.keep)
        yield ledger.store.name, to
    tls = _tls(config.upstream.trusted_ca)
    for export in config.exports:
        yield export.name, sink(export, tls)


def _tls(trusted_ca: str | None) -> ssl.SSLContext:
    """With the CA of the configuration, which was there at the start of the run: without it, the
    receivers that need it are not trusted, and say so."""
    try:
        return tls_context(trusted_ca)
    except StartError as error:
        logger.error("%s", error)
        return tls_context(None)


class _Answering:
    """Prometheus' figures: brought up to date here, told by a thread of its own."""

    def __init__(self, listen: HostPort, figures: Figures, stop: threading.Event) -> None:
        self._listen, self._figures, self._stop = listen, figures, stop

    def run(self, store: Store) -> None:
        self._figures.look(store)  # before anybody asks
        with self._server() as server:  # closes it
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                self._figures.run(store, self._stop)
            finally:
                server.shutdown()
                thread.join()

    def _server(self) -> WSGIServer:
        try:
            return prometheus.server(self._listen, [self._figures])
        except OSError as error:
            raise _cannot_bind(self._listen, error) from error


def parts(config: Config, workers: int) -> dict[str, dict[str, int]]:
    """Which processes each ring needs, and how many of them."""
    proxies = {"proxy": workers}
    network = {
        "stun": bool(config.stun.listen),
        "sinkhole": bool(config.sinkhole.listen),
        "gateway": firewall.wanted(config),
    }
    needed = {
        "page": proxies if config.page.guard else {},
        "signaling": proxies,
        "network": {name: 1 for name, is_needed in network.items() if is_needed},
    }
    return {ring: names for ring, names in needed.items() if names}
