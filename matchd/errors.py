"""What can go wrong between the parts, as few exceptions as their callers tell apart."""

from __future__ import annotations


class MatchdError(Exception):
    """Anything matchd raises on purpose; its text is one line that a person can act on."""


class StoreUnavailable(MatchdError):
    """The store can't be reached or can't write now; ask again. Says nothing on whether the change was made."""


class StoreAway(StoreUnavailable):
    """There is no connection to the store: what was asked was not even sent."""


class NodeFenced(StoreUnavailable):
    """The other nodes gave this node up while it was away: nothing it asks for is done until it has joined anew."""


class StoreError(MatchdError):
    """The store answered with an error that is nobody's outage; the text is what it said."""


class SessionRefused(MatchdError):
    """The game server certainly made no session: it could not be reached or said no."""


class SessionNotAsked(SessionRefused):
    """The game server was not even asked, as too many requests to it are under way: it is not to blame."""


class SessionUncertain(MatchdError):
    """The game server may have made the session: it was asked, and no usable answer came."""


class StartupError(MatchdError):
    """matchd can't start as it was told to; the text names the option or key."""
