"""``twistd matchd``: its options, and from them the service."""

from __future__ import annotations

from twisted.application.service import IService
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python import usage

from matchd import __version__
from matchd.clock import go_by
from matchd.config.settings import HTTP, LISTEN, Settings, load
from matchd.logs import LoggingService, observer
from matchd.shell import plain_errors, spare_pidfile


class Options(usage.Options):
    """What ``twistd matchd`` takes; ``settings`` is what it amounts to, together with the file."""

    synopsis = "[options]"
    longdesc = (
        "Matches players over WebSockets, and finds each match a game server. Without any option it runs on its own: "
        "a private store and one practice game server come with it. Every option is also a key of the TOML file; "
        "the command line wins."
    )
    # Each default is None, "not given", so that the file's value can come in between.
    optParameters = [
        ["listen", None, None, f"Where players connect, as a Twisted endpoint. [default: {LISTEN}]"],
        ["http", None, None, f"Where operators and game servers connect; none turns it off. [default: {HTTP}]"],
        ["redis", None, None, "The shared store: redis://, rediss://, unix://, sentinel://. [default: a private one]"],
        ["data-dir", None, None, "Where the private store keeps its data. [default: a temporary folder]"],
        ["config", None, None, "A TOML file with settings. [default: none]"],
        ["workers", None, None, "Processes that share the player port. [default: 1]"],
        ["log-format", None, None, "text or json. [default: text]"],
    ]
    optFlags = [["insecure", None, "Let players in from other machines without authentication."]]

    def __init__(self) -> None:
        super().__init__()
        self["dedicated"] = []
        self.settings = Settings()

    def opt_dedicated(self, address: str) -> None:
        """A fixed game server, host:port, that counts as always free; may be given more than once. [default: none]"""
        self["dedicated"].append(address)

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"matchd {__version__}")  # noqa: T201
        raise SystemExit(0)

    def parseArgs(self, *extra: str) -> None:
        """There are options only."""
        if extra:
            raise usage.UsageError(f"{extra[0]}: not an option")

    def parseOptions(self, options: list[str] | None = None) -> None:
        """Take the options and the file that they name; what is wrong ends the process with status 1."""
        with plain_errors(self):
            super().parseOptions(options)
            self.settings = load(self)
        spare_pidfile(self)


def makeService(options: Options) -> IService:
    """Everything ``options`` ask for, not yet started."""
    from twisted.internet import reactor

    from matchd.service import build

    if options.parent is not None:  # twistd's own reactor, not one that tests run in
        go_by(reactor)
    with plain_errors(options):
        twistd = options.parent if options.parent is not None else {"nodaemon": True}
        top = LoggingService(observer(options.settings.log_format, twistd, IReactorFromThreads(reactor)))
        build(options.settings, reactor).setServiceParent(top)
        return top
