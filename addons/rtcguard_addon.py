"""rtcguard under a plain mitmdump:  mitmdump -s addons/rtcguard_addon.py

    --set rtcguard_config=FILE    the configuration; without it, the safe built-in defaults

Where mitmdump listens, its certificates and how it goes out are mitmdump's own options. The STUN
responder runs beside it, in a process of its own, as under `rtcguard run`; unlike there, nothing
starts it again when it dies, and a changed configuration is taken when mitmdump is started again.
"""

from pathlib import Path

from mitmproxy import addonmanager, ctx, exceptions

from rtcguard.app import processes, settings
from rtcguard.app.supervisor import Part, Supervisor
from rtcguard.errors import ConfigError, StartError
from rtcguard.ledger.writer import Writer
from rtcguard.proxy.addon import RtcGuard
from rtcguard.proxy.confirmed import Confirmed, note
from rtcguard.proxy.users import Users
from rtcguard.web.plain import plain


class Loaded:
    """Reads the configuration when mitmdump starts; its child is the addon that does the work."""

    def __init__(self) -> None:
        self.addons: list[Users | RtcGuard] = []
        self._writer: Writer | None = None
        self._supervisor: Supervisor | None = None

    def load(self, loader: addonmanager.Loader) -> None:
        loader.add_option("rtcguard_config", str, "", "The configuration file of rtcguard.")

    def configure(self, updated: set[str]) -> None:
        if self.addons:
            if "rtcguard_config" in updated:
                raise exceptions.OptionsError("rtcguard reads its configuration at the start only")
            return
        try:
            self._begin(ctx.options.rtcguard_config)
        except (ConfigError, StartError) as error:
            # mitmdump would go on without the addon, and let everything through.
            raise SystemExit(f"rtcguard: {error}") from error

    def _begin(self, file: str) -> None:
        config = settings.read_config(Path(file) if file else None)
        policy = settings.read_policy(config)
        state = settings.state()
        state.prepare()
        key = state.key()
        mask = state.mask(config)
        ledger = config.ledger
        self._writer = Writer(state.ledger, ledger.keep, size=ledger.size, mask=mask)
        certificate = Path(ctx.options.confdir).expanduser() / "mitmproxy-ca-cert.pem"
        note(state.ledger, config)
        confirmed, shown = Confirmed(state.ledger, mask), plain(certificate)
        guard = RtcGuard(policy, key, self._writer.record, confirmed, shown)
        if policy.users:  # in the place of mitmproxy's own, and before the other
            ctx.master.addons.remove(ctx.master.addons.get("proxyauth"))
            self.addons.append(Users(policy, self._writer.record))
        self.addons.append(guard)
        if config.stun.listen or config.sinkhole.listen:
            listen = (ctx.options.listen_host, ctx.options.listen_port or 8080)
            self._supervisor = Supervisor(processes.Settings(policy, state, key, listen))
            if config.stun.listen:
                self._supervisor.start(Part("stun", processes.stun))
            if config.sinkhole.listen:
                self._supervisor.start(Part("sinkhole", processes.sinkhole))

    def done(self) -> None:
        if self._supervisor is not None:
            self._supervisor.stop()
        if self._writer is not None:
            self._writer.close()


addons = [Loaded()]
