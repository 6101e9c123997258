"""The registry of game servers over HTTP: they enter and leave by themselves, operators look."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import Request

from matchd.matches.addresses import AddressRefused, is_address
from matchd.model import GameServer, is_name
from matchd.operators.responses import NO_CONTENT, Answer, Endpoint, Invalid, Path, as_json, problem
from matchd.operators.source import Source
from matchd.store.store import SERVER_TTL_MS

NAME = "1 to 64 of A-Z a-z 0-9 . _ -"


class Registration(msgspec.Struct, frozen=True):
    """What a game server says of itself, at first and with every heartbeat.

    It may report more sessions than its capacity: then it has no free slot.
    """

    address: str
    capacity: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1
    region: str = ""
    sessions: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    sessions_made: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


_decoder = msgspec.json.Decoder(Registration)


def read_registration(server_id: str, body: bytes) -> GameServer:
    """The game server that ``body`` describes; raises Invalid, which names the field."""
    try:
        said = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None
    except (ValueError, RecursionError):
        raise Invalid("body: not JSON") from None
    if not is_address(said.address):
        raise Invalid("address: must be host:port")
    if said.region and not is_name(said.region):
        raise Invalid(f"region: must be {NAME}, or empty")
    return GameServer(server_id, said.address, said.capacity, said.region, said.sessions, made=said.sessions_made)


def _explained(complaint: str) -> Invalid:
    """The codec's complaint, the field first."""
    if missing := re.search(r"missing required field `(\w+)`", complaint):
        return Invalid(f"{missing[1]}: missing")
    what, _, where = complaint.replace("`", "").partition(" - at $.")
    return Invalid(f"{where or 'body'}: {what}")


class Servers(Endpoint):
    """``/v1/servers`` and, below it, every game server by its id."""

    def __init__(self, source: Source) -> None:
        super().__init__(GET=self._list)
        self._source = source

    def getChild(self, path: bytes, request: Request) -> Resource:
        """The game server of this id, whether it is in or not."""
        return _Server(self._source, path) if path else Path()

    async def _list(self, _: Request) -> Answer:
        return as_json({"servers": await self._source.servers()})


class _Server(Endpoint):
    """``/v1/servers/{id}``: ``PUT`` enters the game server or keeps it in, ``DELETE`` takes it out."""

    def __init__(self, source: Source, path: bytes) -> None:
        super().__init__(PUT=self._put, DELETE=self._delete)
        self._source = source
        self._path = path

    async def _put(self, request: Request) -> Answer:
        assert request.content is not None
        server = read_registration(self._id(), request.content.read())
        try:
            await self._source.register_server(server)
        except AddressRefused as refusal:
            raise Invalid(f"address: {refusal}") from None
        return as_json({"server_id": server.server_id, "ttl_s": SERVER_TTL_MS // 1000})

    async def _delete(self, _: Request) -> Answer:
        server_id = self._id()
        if await self._source.deregister_server(server_id):
            return NO_CONTENT
        return problem(http.NOT_FOUND, f"server_id: {server_id} is not registered")

    def _id(self) -> str:
        text = self._path.decode("ascii", "replace")
        if not is_name(text):
            raise Invalid(f"server_id: must be {NAME}")
        return text
