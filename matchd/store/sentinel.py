"""The primary as the sentinels name it, looked up anew at every connect."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from matchd.errors import StoreError, StoreUnavailable
from matchd.store.address import RedisAddress
from matchd.store.connection import Connection, ConnectionFactory, within
from matchd.store.reasons import reason

PATIENCE = 0.5
"""Seconds that one sentinel has for its answer."""


@implementer(IStreamClientEndpoint)
class SentinelEndpoint:
    """Asks one sentinel after the other, in random order, and connects to what the first one answers.

    Right after a failover a sentinel may still name the old primary: whoever connects checks its role.
    Sentinels that want a password must take the primary's.
    """

    def __init__(
        self, reactor: IReactorTime, address: RedisAddress, tcp: Callable[[str, int], IStreamClientEndpoint]
    ) -> None:
        self._reactor = reactor
        self._address = address
        self._tcp = tcp

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803
        """Connect to the primary; fails with StoreUnavailable when no sentinel knows it."""
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        host, port = await self._primary()
        return await self._tcp(host, port).connect(factory)

    async def _primary(self) -> tuple[str, int]:
        problems = []
        sentinels = self._address.hosts
        for host, port in random.sample(sentinels, len(sentinels)):
            try:
                return await within(self._reactor, PATIENCE, self._ask(host, port))
            except CancelledError:
                raise
            except Exception:
                problems.append(f"{host}:{port}: {reason(Failure())}")
        raise StoreUnavailable(f"no sentinel names the primary {self._address.primary!r}: {', '.join(problems)}")

    async def _ask(self, host: str, port: int) -> tuple[str, int]:
        factory = ConnectionFactory(partial(Connection, self._reactor, PATIENCE))
        sentinel: Any = await self._tcp(host, port).connect(factory)
        try:
            with suppress(StoreError):
                await sentinel.log_in(self._address)
            answer = await sentinel.execute("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._address.primary)
        finally:
            sentinel.drop("asked")
        if answer is None:
            raise StoreUnavailable("it knows no such primary")
        return answer[0].decode(), int(answer[1])
