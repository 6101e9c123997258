"""Bugs that somebody could make: a line forgotten in a script, a check left out, a call never made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from matchd.errors import StoreUnavailable
from matchd.matches.gameserver import CreateSession
from matchd.matches.servers import DedicatedServerProvider
from matchd.model import GameMode, GameSession, Reservation, Roster
from matchd.players.departures import Departures
from tests.model.laboratory import Change


async def _nothing(*_: Any) -> None:
    """What is done by a method that was taken out."""


async def _another_key(
    self: DedicatedServerProvider, mode: GameMode, roster: Roster, reservation: Reservation
) -> GameSession:
    """DedicatedServerProvider.create, with a key of its own for whoever goes on."""
    key = roster.loading_session_id + ("-again" if reservation.again else "")
    request = CreateSession(roster.players, mode.name, key, mode.split(roster.players))
    return await self._client.create_session(reservation.address, request)


async def _tell_without_excuse(self: Departures, connection_id: str) -> None:
    """Departures._tell, which does not know that it asks again."""
    if connection_id not in self._due:
        return
    player_id, grace_ms, _ = self._due[connection_id]
    with suppress(StoreUnavailable):
        cancelled = await self._store.leave(player_id, connection_id, grace_ms, hung_up=True)
        if self._due.pop(connection_id, None):
            self._on_told(player_id)
        self._on_cancelled(cancelled)


@dataclass(frozen=True, slots=True)
class Planted:
    """A bug: a change of a script's text, or something in the place of a method."""

    name: str
    change: Change | None = None
    method: str = ""
    instead: Callable[..., Any] = _nothing


def _script(name: str, script: str, old: str, new: str = "") -> Planted:
    return Planted(name, Change(script, old, new))


BUGS = (
    _script("players are drawn, and nothing is written of them", "prelude",
            "for i = 1, formed do", "for i = 1, math.min(formed, 1) do"),
    _script("drawn players keep the record of queued ones", "prelude",
            "p.state, p.session = 'loading', sid", "p.session = sid"),
    _script("game servers are not asked for free slots", "prelude",
            "local free = placeable(wanted)", "local free = wanted"),
    _script("the last come are the first served", "prelude",
            "redis.call('ZPOPMIN', line, n)", "redis.call('ZPOPMAX', line, n)"),
    _script("a mode takes slots for which others wait longer", "prelude",
            "local possible = others_since and", "local possible = false and"),
    _script("nobody knows that requeued players can be drawn", "prelude",
            "  to_draw[p.mode] = true\n"),
    _script("a player may be in two modes", "enqueue",
            "if is_under_way(p) and p.mode ~= mode then", "if false then"),
    _script("an old connection's goodbye counts", "leave", "if p.conn == ARGV[4] then", "if true then"),
    _script("any connection may say that a player has loaded", "loading_complete", "p.conn ~= conn", "false"),
    _script("who says twice that he has loaded counts twice", "loading_complete",
            " or has_loaded(s, id)"),
    _script("a second server is asked while the first may answer", "reserve",
            "if s.server ~= '' then return {'reserved', s.server, s.address, 1} end"),
    _script("an address is asked again by another id", "prelude", "elseif not tried[host.address] then", "else"),
    _script("nobody says that a server may have been asked before", "reserve", "s.address, 1}", "s.address, 0}"),
    _script("a slot is not given back after a refusal", "release",
            " else give_back(s.id, server_id, false) end", " end"),
    _script("a slot is given back though the session may exist", "release", "if uncertain then disown(s) else", "do"),
    _script("what one call can not take is not written", "prelude",
            "  if first <= #list then return first,", "  if first == 1 and #list > 0 then return first,"),
    _script("a full call takes the place of the next one", "prelude",
            "calls[#calls + 1], latest[key] = call, call",
            "calls[latest[key] and latest[key][1] == command and 0 or #calls + 1], latest[key] = call, call"),
    _script("any node may settle", "settle", " or s.owner ~= node or s.server ~= server_id"),
    _script("allocations of a dead node are forgotten", "sweep",
            "    if s then take_allocation(s) end\n  end)\n", "  end)\n"),
    _script("who did not load in time is put back", "sweep",
            "if redis.call('HGET', P .. s.key, p.id) == 'ready' then return false end",
            "if true then return false end"),
    _script("a given-up node's scripts still count", "prelude",
            "if not ask('ZSCORE', 'nodes', node) then", "if false then"),
    _script("what was asked too long ago is done", "prelude",
            "if is_late and (not_after > 0 or is_unsure(SURE_MS)) then", "if false then"),
    _script("requeued players stand at the end", "prelude",
            "local function requeue(p, reason)\n",
            "local function requeue(p, reason)\n  p.since = string.format('%.0f', now_us)\n"),
    _script("messages are not numbered", "prelude", "  p.seq = p.seq + 1\n", "  p.seq = math.max(p.seq, 1)\n"),
    _script("nobody is told that he was superseded", "prelude",
            "redis.call('PUBLISH', P .. 'node:' .. p.node,", "redis.call('PUBLISH', P .. 'nowhere',"),
    _script("the queue forgets to let go of the line", "prelude",
            "  zrem('order:' .. p.mode, p.id)\nend", "end"),
    _script("who is away is drawn", "prelude",
            "p.away, p.id)\n  if p.state == 'queued' then quit_queue(p) end", "p.away, p.id)"),
    _script("a cancelled session forgets its first player", "prelude",
            "  for _, p in ipairs(all) do\n    if p.session == s.id and not out(p) then",
            "  for i, p in ipairs(all) do\n    if i > 1 and p.session == s.id and not out(p) then"),
    _script("a session that was matched stays open", "prelude",
            "give_back(s.id, s.server, true) end\n  close_session(s)\nend", "give_back(s.id, s.server, true) end\nend"),
    _script("a server has as many slots as are asked for", "prelude",
            "local free = s.fixed and ALWAYS_FREE or s.capacity - used", "local free = ALWAYS_FREE"),
    _script("sessions that nobody plays are not ended", "prelude",
            "  zadd('orphans', now, sid .. ' ' .. address)\n"),
    _script("one server's word ends the asking of all", "orphan_ended",
            "redis.call('SREM', P .. 'orphan:' .. sid, address)", "redis.call('DEL', P .. 'orphan:' .. sid)"),
    _script("missed messages are not told", "reconcile",
            "if p.seq > mine.seq then return missed(p, mine.seq, answer(p, mine, 'missed')) end",
            "if p.seq > mine.seq then return {'ok'} end"),
    _script("an emptied store takes the waiting time", "reconcile",
            "mine.order, since, mine.conn, mine.seq)",
            "mine.order, string.format('%.0f', now_us), mine.conn, mine.seq)"),
    _script("an emptied store takes the matches", "reconcile",
            "    restore_match(p, mine)\n  elseif mine.place == 'none'",
            "    restore_place(p, mine)\n  elseif mine.place == 'none'"),
    _script("nobody decides what became of a forgotten session", "prelude",
            "return since and now - since < PATIENCE_MS", "return since"),
    _script("a match is told though it has fallen through", "settle",
            "if not s and is_undecided(sid) and server(server_id) then",
            "if not s and redis.call('EXISTS', P .. 'forgotten:' .. sid) == 1 and server(server_id) then"),
    _script("who has to wait is let in", "enqueue", "if wait > 0 then return {'cooldown', wait} end"),
    _script("who was sent away has failed", "leave", "ARGV[6] == '1'\n", "true\n"),
    _script("who hangs up before the answer has not failed", "leave",
            "ARGV[6] == '1'\n", "ARGV[6] == '1' and p.answer ~= text_of[p.seq]\n"),
    _script("a newer connection excuses its player", "prelude",
            "    own(p, node, conn)\n    come_back(p)",
            "    own(p, node, conn)\n    p.excused = p.session\n    come_back(p)"),
    _script("who is drawn as they come and hangs up has not failed", "prelude",
            "if tell_start_loading(p) == 0 then",
            "if tell_start_loading(p) == 0 or p.answer == text_of[p.seq - 1] then"),
    Planted("a goodbye that the store hears of late is held against the player",
            method="matchd.players.departures.Departures._tell", instead=_tell_without_excuse),
    _script("the clock is never corrected", "set_clock",
            "local by, timeout = tonumber(ARGV[4])", "local by, timeout = 0"),
    _script("the clock is corrected in the wrong direction", "set_clock",
            "local by, timeout = tonumber(ARGV[4])", "local by, timeout = -(tonumber(ARGV[4]) or 0)"),
    _script("a sweep trusts any clock", "sweep", "if is_unsure(timeout / 2) then return {-1, told, offset} end"),
    Planted("whoever goes on asks by another key", method="matchd.matches.servers.DedicatedServerProvider.create",
            instead=_another_key),
    Planted("hints that were lost are not looked for", method="matchd.node.Node._heard_again"),
    Planted("nothing is compared after an outage", method="matchd.recovery.Recovery.reconcile"),
    Planted("a departure is told once or never", method="matchd.players.departures.Departures.retry"),
)  # fmt: skip
