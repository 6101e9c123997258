-- What every script goes on with, after prelude.lua: how the records of players and loading sessions are written.
--
-- A record is a text: its fields in this order, each ended by a zero byte. To read and to write that takes half the time
-- that JSON does. ../records.py has the same orders for those who read records outside of Redis.

local PLAYER = string.rep('s', 15)

local function player_as_text(p)
  return struct.pack(PLAYER, p.id, p.state, p.mode, p.order, p.since, p.session, p.node, p.conn, p.away, p.excused,
    p.match, text_of[p.seq], p.answer, p.kept_from, p.told)
end

local function player_of_text(text)
  local id, state, mode, order, since, session, node, conn, away, excused, match, seq, answer, kept_from, told =
    struct.unpack(PLAYER, text)
  return {id = id, state = state, mode = mode, order = order, since = since, session = session, node = node,
    conn = conn, away = away, excused = excused, match = match, seq = tonumber(seq), answer = answer,
    kept_from = kept_from, told = told}
end

local SESSION = string.rep('s', 12)

local function session_as_text(s)
  return struct.pack(SESSION, s.state, s.mode, text_of[s.size], s.roster, s.teams, text_of[s.created],
    text_of[s.deadline], text_of[s.ready], s.owner, s.server, s.address, s.tried)
end

local function session_of_text(sid, text)
  local state, mode, size, roster, teams, created, deadline, ready, owner, server, address, tried =
    struct.unpack(SESSION, text)
  return {id = sid, key = 'loading:' .. sid, state = state, mode = mode, size = tonumber(size), roster = roster,
    teams = teams, created = tonumber(created), deadline = tonumber(deadline), ready = tonumber(ready), owner = owner,
    server = server, address = address, tried = tried}
end
