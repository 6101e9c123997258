"""What matchd is told: options over the TOML file over defaults, read once into frozen values.

``load`` finds every mistake at once, each a line that names its key or option.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from matchd.config.auth import Auth, read_auth
from matchd.config.endpoints import is_local, private_key
from matchd.config.files import path_of, read_file, reason
from matchd.config.join import Join, read_join
from matchd.config.limits import Limits
from matchd.config.modes import DEFAULT_MODES, read_modes
from matchd.config.secrets import Secrets
from matchd.config.servers import Servers, read_servers
from matchd.config.table import LINE, Form, Table, bounded, shown
from matchd.errors import StartupError
from matchd.matches.addresses import is_address
from matchd.model import GameMode
from matchd.store.address import RedisAddress, parse

LISTEN = "tcp:8080:interface=127.0.0.1"
HTTP = "tcp:8081:interface=127.0.0.1"

ADDRESS = Form(is_address, '"host:port"')
KEY_PREFIX = Form(re.compile(r"[!-~]{0,64}").fullmatch, "a text of at most 64 visible ASCII characters without spaces")
ORIGIN = Form(
    re.compile(
        r"\*|null|[a-z][a-z0-9+.-]*://([a-z0-9._-]{1,253}|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE
    ).fullmatch,
    '"scheme://host" or "scheme://host:port", "null" or "*"',
)


class SettingsError(StartupError):
    """Settings that matchd can't start with; ``problems`` has one line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Recovery:
    """``[recovery]``: how long (seconds) to wait for a silent node, a lost player, the end of what is under way."""

    node_timeout: float = bounded(4.0, 0.5, 300.0)
    reconnect_grace: float = bounded(0.0, 0.0, 600.0)
    drain_grace: float = bounded(15.0, 0.0, 600.0)


@dataclass(frozen=True, slots=True)
class Matchmaking:
    """``[matchmaking]``: how often to draw, and how to ask game servers. Times in seconds."""

    tick: float = bounded(0.5, 0.01, 60.0)
    allocation_timeout: float = bounded(5.0, 0.1, 60.0)
    allocation_attempts: int = bounded(3, 1, 20)


@dataclass(frozen=True, slots=True)
class Cooldown:
    """``[cooldown]``: how long who fails to load again and again may not enqueue, see ``model.Cooldown``."""

    after: int = bounded(2, 1, 100)
    first: float = bounded(60.0, 0.0, 86_400.0)
    longest: float = bounded(1800.0, 1.0, 86_400.0)
    window: float = bounded(3600.0, 1.0, 604_800.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it. ``http`` is None when turned off, ``operator_token`` empty when unset, no ``origins`` are any.

    ``warnings`` are about what works and should be otherwise, a line each.
    """

    listen: str = LISTEN
    http: str | None = HTTP
    redis: RedisAddress | None = None
    data_dir: Path | None = None
    config: Path | None = None
    dedicated: tuple[str, ...] = ()
    workers: int = 1
    log_format: str = "text"
    insecure: bool = False
    operator_token: str = field(default="", repr=False)
    key_prefix: str = ""
    origins: tuple[str, ...] = ()
    auth: Auth = field(default_factory=Auth)
    servers: Servers = field(default_factory=Servers)
    join: Join = field(default_factory=Join)
    limits: Limits = field(default_factory=Limits)
    recovery: Recovery = Recovery()
    matchmaking: Matchmaking = Matchmaking()
    cooldown: Cooldown = Cooldown()
    modes: Mapping[str, GameMode] = field(default_factory=lambda: DEFAULT_MODES)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def nothing_configured(self) -> bool:
        """Whether this is a first try: neither a store, nor a file, nor a game server was named."""
        return self.redis is None and self.config is None and not self.dedicated

    @property
    def on_loopback(self) -> bool:
        """Whether other machines can reach neither port."""
        return is_local(self.listen) and (self.http is None or is_local(self.http))

    @property
    def registers_anyone(self) -> bool:
        """Whether whoever is on this machine can register game servers, for players who are elsewhere."""
        return not (self.on_loopback or self.http is None or self.operator_token or self.servers.token)


def load(options: Mapping[str, object]) -> Settings:
    """The settings that ``options`` (by name, as on the command line) and the file that they name make.

    Raises SettingsError.
    """
    given = {name.replace("-", "_"): value for name, value in options.items() if value not in (None, [], 0)}
    config = given.pop("config", None)
    if config is None:
        return read({}, given, environ=os.environ)
    if not LINE.fits(str(config)):
        raise SettingsError([f"--config: {LINE.words}, got {shown(str(config))}"])
    path = Path(str(config)).absolute()
    return read(_parse_file(path), given, path, os.environ)


def read(
    tree: Mapping[str, object],
    given: Mapping[str, object],
    config: Path | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Settings:
    """The settings of a parsed file (``tree``, from ``config``) with the ``given`` options over it.

    Secrets may also come from the ``environ``. Raises SettingsError.
    """
    problems: list[str] = []
    table = Table({**tree, **given}, problems, options=given)
    folder = config.parent if config else Path.cwd()
    secrets = Secrets(environ, config)
    insecure = table.flag("insecure")
    auth = read_auth(table.table("auth"), secrets)
    token = secrets.read(table, "operator_token")
    settings = Settings(
        listen=_read_listen(table, insecure or auth.mode != "none"),
        http=_read_http(table, secrets),
        redis=_read_redis(table, secrets),
        data_dir=_read_data_dir(table, folder),
        config=config,
        dedicated=table.texts("dedicated", ADDRESS),
        workers=table.whole("workers", 1, 1, 64),
        log_format=table.choice("log_format", ("text", "json")),
        insecure=insecure,
        operator_token=token,
        key_prefix=table.text("key_prefix", form=KEY_PREFIX),
        origins=table.texts("origins", ORIGIN),
        auth=auth,
        servers=read_servers(table.table("servers"), secrets),
        join=read_join(table.table("join"), folder, secrets.warnings),
        limits=table.section("limits", Limits),
        recovery=table.section("recovery", Recovery),
        matchmaking=table.section("matchmaking", Matchmaking),
        cooldown=table.section("cooldown", Cooldown),
        modes=read_modes(table),
    )
    table.refuse_unknown()
    if problems:
        raise SettingsError(problems)
    return replace(settings, warnings=_warnings(settings, secrets))


def _warnings(settings: Settings, secrets: Secrets) -> tuple[str, ...]:
    """What could be kept better, in settings without a mistake."""
    for name, description in (("listen", settings.listen), ("http", settings.http or "")):
        if (path := private_key(description)) is not None:
            secrets.check_file(path, f"the privateKey of {name}")
    secrets.check_config()
    return (*_exposure(settings), *secrets.warnings)


def _parse_file(path: Path) -> dict[str, object]:
    text = ""
    try:
        text = read_file(path)
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        last = f"at line {text.rstrip().count(chr(10)) + 1}, the last"
        raise SettingsError([f"--config: {path}: {str(error).replace('at end of document', last)}"]) from None
    except (OSError, ValueError) as error:
        raise SettingsError([f"--config: {path}: {reason(error)}"]) from None
    except RecursionError:
        raise SettingsError([f"--config: {path}: nested too deeply"]) from None


def _read_listen(table: Table, open_to_all: bool) -> str:
    description = table.text("listen", LISTEN)
    if not (_is_local(table, "listen", description) or open_to_all):
        exposed = f"{description} is not on loopback, and auth.mode is none"
        table.refuse("listen", f"{exposed}; give --insecure to let anyone play under any name")
    return description


def _exposure(settings: Settings) -> tuple[str, ...]:
    """What is said loudly of a player port that is open to strangers."""
    if settings.auth.mode != "none" or is_local(settings.listen):
        return ()
    return (f"insecure: players are not authenticated, whoever reaches {settings.listen} plays under any name",)


def _read_http(table: Table, secrets: Secrets) -> str | None:
    description = table.text("http", HTTP)
    if description == "none":
        return None
    if not (_is_local(table, "http", description) or secrets.is_given(table, "operator_token")):
        table.refuse("http", f"{description} is not on loopback; set operator_token or operator_token_file in the file")
    return description


def _is_local(table: Table, key: str, description: str) -> bool:
    """Whether other machines can't reach it; true also for a wrong one, which is refused, to have one line for it."""
    try:
        return is_local(description)
    except ValueError as error:
        table.refuse(key, str(error))
        return True


def _read_redis(table: Table, secrets: Secrets) -> RedisAddress | None:
    url, password = table.text("redis", secret=True), secrets.read(table, "redis_password")
    try:
        address = parse(url, password) if url else None
        if address is not None and address.password and not password:
            secrets.found(table, "redis")
        return address
    except StartupError as error:
        table.refuse("redis", str(error).removeprefix("redis: "))
        return None


def _read_data_dir(table: Table, folder: Path) -> Path | None:
    path = path_of(table, "data_dir", folder)
    try:
        if path is not None and path.exists() and not path.is_dir():
            table.refuse("data_dir", f"{path} is not a folder")
    except OSError as error:
        table.refuse("data_dir", f"{path}: {reason(error)}")
    return path
