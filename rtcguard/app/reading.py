"""All that `rtcguard run` needs, read and checked before anything is started or changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rtcguard.app import exporting, settings
from rtcguard.app.processes import Settings
from rtcguard.app.settings import State
from rtcguard.network import firewall
from rtcguard.policy.model import Config, HostPort
from rtcguard.proxy import modes


@dataclass(frozen=True, slots=True)
class Source:
    """Where the settings come from: the file (None: the defaults) and the command line, which goes
    before it."""

    file: Path | None
    state: State
    key: bytes
    listen: HostPort | None = None
    modes: tuple[str, ...] = ()
    workers: int = 1

    def read(self) -> Settings:
        """Raises ConfigError or StartError with all that is wrong, as far as it can be seen."""
        config = settings.read_config(self.file)
        if config.relay.managed:
            from rtcguard.app import relay

            relay.prepare(config.relay)
        made = Settings(
            settings.read_policy(config),
            self.state,
            self.key,
            self.listen or config.listen,
            self.modes,
            self.workers,
        )
        exporting.check(config)
        modes.choose(config, made.modes, made.listen, made.workers)
        if config.relay.managed:
            relay.plan(made.policy)
        if firewall.wanted(config):
            from rtcguard.app import gateway  # it takes a while, and most have none

            gateway.text(config)
        return made

    def files(self, config: Config) -> Iterator[Path]:
        """The files that the settings were read from, or are used from later; and the folders in
        which a pattern of `include` may find another file."""
        if self.file is not None:
            yield self.file
        included = [Path(name) for name in config.files[1:]]
        yield from included
        yield from (path.parent for path in included)
        coturn = config.relay.coturn
        yield from (
            Path(name)
            for name in (
                *(server.shared_secret_file for server in config.relay.servers),
                *(
                    config.users.file,
                    config.upstream.trusted_ca,
                    coturn.certificate,
                    coturn.private_key,
                ),
            )
            if name
        )
