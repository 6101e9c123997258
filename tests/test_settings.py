"""Settings: what matchd makes of its options and its file."""

from __future__ import annotations

import operator
from pathlib import Path

from matchd.config.settings import Limits, Matchmaking, Recovery, Settings, load
from matchd.model import DEFAULT_MODE, GameMode, Order
from matchd.store.address import parse
from tests.support.settings import FileCase


class ValueTests(FileCase):
    """What right settings come to."""

    def test_nothing_given(self) -> None:
        """Without any option everything has its default, and a practice game server is called for."""
        settings = load({"listen": None, "config": None, "dedicated": [], "insecure": 0})
        self.assertEqual(settings, Settings())
        self.assertEqual(settings.listen, "tcp:8080:interface=127.0.0.1")
        self.assertEqual(settings.http, "tcp:8081:interface=127.0.0.1")
        self.assertEqual(dict(settings.modes), {"Normal_1v1": DEFAULT_MODE})
        self.assertEqual(settings.limits, Limits(18_000, 20, 40, 30, 5, 40))
        self.assertEqual(settings.recovery, Recovery(4, 0, 15))
        self.assertEqual(settings.matchmaking, Matchmaking(0.5, 5, 3))
        self.assertEqual((settings.auth.mode, settings.workers, settings.log_format), ("none", 1, "text"))
        self.assertTrue(settings.nothing_configured)

    def test_something_configured(self) -> None:
        """Whoever names a store, a file or a game server gets no practice server."""
        for options in ({"redis": "redis://h"}, {"dedicated": ["h:1"]}):
            self.assertFalse(load(options).nothing_configured)
        self.assertFalse(self.load("").nothing_configured)
        self.assertTrue(load({"workers": "2", "log-format": "json"}).nothing_configured)

    def test_every_key(self) -> None:
        """A file can say everything."""
        settings = self.load(
            """
            listen = "tcp:0"
            http = "tcp:0"
            redis = "redis://:hunter2@store:6380/3"
            data_dir = "data"
            dedicated = ["a:1", "[::1]:2", "a:1"]
            workers = 4
            log_format = "json"
            insecure = true
            operator_token = "s3cret"
            key_prefix = "{matchd}:"
            origins = ["https://example.org", "HTTP://[::1]:8443", "null", "*"]
            [limits]
            max_connections = 10
            messages_per_second = 5
            [recovery]
            reconnect_grace = 2.5
            [matchmaking]
            allocation_attempts = 1
            [modes.Ranked]
            [modes."Duo.2v2"]
            teams = [2, 2]
            loading_timeout = 90
            order = "random"
            [auth]
            mode = "none"
            """
        )
        self.assertEqual(
            settings,
            Settings(
                listen="tcp:0",
                http="tcp:0",
                redis=parse("redis://:hunter2@store:6380/3"),
                data_dir=self.folder / "data",
                config=self.path,
                dedicated=("a:1", "[::1]:2"),
                workers=4,
                log_format="json",
                insecure=True,
                operator_token="s3cret",
                key_prefix="{matchd}:",
                origins=("https://example.org", "HTTP://[::1]:8443", "null", "*"),
                limits=Limits(max_connections=10, messages_per_second=5.0),
                recovery=Recovery(reconnect_grace=2.5),
                matchmaking=Matchmaking(allocation_attempts=1),
                modes={
                    "Ranked": GameMode("Ranked", (1, 1), 60.0, Order.FIFO),
                    "Duo.2v2": GameMode("Duo.2v2", (2, 2), 90.0, Order.RANDOM),
                },
            ),
        )
        self.assertIs(type(settings.modes["Ranked"].order), Order)

    def test_order_of_precedence(self) -> None:
        """The command line wins over the file, the file over the default."""
        settings = self.load('workers = 4\nlog_format = "json"\ndedicated = ["a:1"]', workers="2", dedicated=["b:2"])
        self.assertEqual((settings.workers, settings.log_format, settings.dedicated), (2, "json", ("b:2",)))

    def test_wrong_key_that_an_option_replaces(self) -> None:
        """What the command line replaces in the file need not be right."""
        self.assertEqual(self.load("workers = 0", workers="3").workers, 3)

    def test_bounds_are_allowed(self) -> None:
        """The smallest and the largest of each bound are right."""
        for teams in ([2], [1, 1], [100, 100], [10] * 20):
            mode = self.load(f"[modes.x]\nteams = {teams}\nloading_timeout = 3600").modes["x"]
            self.assertEqual((mode.teams, mode.size, mode.loading_timeout), (tuple(teams), sum(teams), 3600.0))
        self.assertEqual(load({"workers": "64"}).workers, 64)
        self.assertEqual(list(self.load(f"[modes.{'x' * 64}]").modes), ["x" * 64])

    def test_default_mode_is_gone_once_modes_are_configured(self) -> None:
        """Only the modes of the file are played, and an empty table is none."""
        self.assertEqual(list(self.load("[modes.B]\n[modes.A]").modes), ["B", "A"])
        self.assertEqual(list(self.load("[modes]").modes), ["Normal_1v1"])
        self.assertEqual(self.load("[modes.Normal_1v1]").modes["Normal_1v1"].order, Order.FIFO)

    def test_http_none(self) -> None:
        """The operators' port can be turned off."""
        self.assertIsNone(load({"http": "none"}).http)

    def test_relative_paths(self) -> None:
        """A path in the file is relative to the file's folder, one on the command line to the current one."""
        self.assertEqual(self.load('data_dir = "d"').data_dir, self.folder / "d")
        self.assertEqual(self.load('data_dir = "/d"').data_dir, Path("/d"))
        self.assertEqual(self.load('data_dir = "d"', **{"data-dir": "e"}).data_dir, Path.cwd() / "e")

    def test_frozen(self) -> None:
        """Nothing changes settings once they are read."""
        self.assertRaises(AttributeError, setattr, Settings(), "workers", 2)
        self.assertRaises(TypeError, operator.setitem, Settings().modes, "x", DEFAULT_MODE)
