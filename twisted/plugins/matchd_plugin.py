"""What ``twistd`` lists: the matchmaking server, and the reference game server."""

from typing import Any

from twisted.application.service import ServiceMaker


class Program(ServiceMaker):  # type: ignore[misc]
    """A program of matchd: a signal that comes while it starts is answered as soon as it has started."""

    @property
    def options(self) -> Any:
        """The class of its options; twistd asks for it when the program was chosen, before most of it is imported."""
        from matchd.exits import hold_signals

        hold_signals()
        return super().options


matchd = Program("matchd", "matchd.tap", "A matchmaking server for online games.", "matchd")
dedicated = Program("dedicated", "matchd.dedicated.tap", "A reference game server for matchd.", "dedicated")
