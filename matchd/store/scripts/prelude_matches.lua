-- What every script goes on with, after those before: game servers and loading sessions.

-- cancelled sessions of this run, as `mode reason` lines for the caller's metrics and wake-ups
local cancelled = {}

-- game servers -------------------------------------------------------------------------------------

-- A server's record is read once, like a player's: who writes it keeps the table true.
local servers, uncounted = {}, {}
local function server(id)
  if servers[id] then return servers[id] end
  local key = P .. 'dedicated_server:' .. id
  local v = ask('HMGET', 'dedicated_server:' .. id, 'address', 'capacity', 'running', 'fixed', 'resting', 'failures',
    'counted')
  ensure_sets({'slots', 'reserved:' .. id, 'settled:' .. id})
  if not v[1] then return nil end
  servers[id] = {
    id = id, key = key, address = v[1], capacity = tonumber(v[2]) or foreign('dedicated_server:' .. id), running = tonumber(v[3]) or 0,
    fixed = v[4] == '1', resting = tonumber(v[5]) or 0, failures = tonumber(v[6]) or 0, counted = tonumber(v[7]) or 0,
  }
  return servers[id]
end

-- Slots in use: what the server says runs, what is reserved, and what it may not have counted yet.
-- `counted` is how many of the reserved ones run already by its own word.
local function count_slots(s)
  local reserved = redis.call('ZCARD', P .. 'reserved:' .. s.id)
  s.counted = math.min(s.counted, reserved)
  local used = s.running + reserved - s.counted + redis.call('ZCARD', P .. 'settled:' .. s.id)
  local free = s.fixed and ALWAYS_FREE or s.capacity - used
  redis.call('HSET', s.key, 'sessions', used, 'status', free > 0 and 'idle' or 'busy', 'counted', s.counted)
  if free > 0 and s.resting <= now then
    redis.call('ZADD', P .. 'slots', free, s.id)
  else
    redis.call('ZREM', P .. 'slots', s.id)
  end
end

-- What the server holds has changed: its slots are counted when all is known.
local function recount(s) uncounted[s.id] = s end

-- Slots stay reserved until their sessions give them back: the server may be here again before that. At most 1000 ids.
local function forget_servers(ids)
  if #ids == 0 then return end
  local keys = {P .. 'none'}
  for _, id in ipairs(ids) do
    servers[id], uncounted[id] = nil, nil
    -- a key of another application stays
    if pcall(ask, 'HLEN', 'dedicated_server:' .. id) then keys[#keys + 1] = P .. 'dedicated_server:' .. id end
    if pcall(ask, 'ZCARD', 'settled:' .. id) then keys[#keys + 1] = P .. 'settled:' .. id end
  end
  redis.call('DEL', unpack(keys))
  for _, key in ipairs({'slots', 'servers', 'resting'}) do redis.call('ZREM', P .. key, unpack(ids)) end
end

-- The session no longer holds its slot. `held` keeps it counted until the server's next word on it; a fixed
-- server never says a word.
local function give_back(sid, server_id, held)
  zrem('reserved:' .. server_id, sid)
  local s = server(server_id)
  if not s then return end
  if held and s.counted > 0 then
    s.counted = s.counted - 1
  elseif held and not s.fixed then
    zadd('settled:' .. server_id, now, sid)
  end
  recount(s)
end

-- loading sessions ---------------------------------------------------------------------------------

-- A session's record is read once, too. Who has loaded is not read with it.
local sessions = {}
local moved = {} -- by id: whose record is to be written

local function loading_session(sid)
  if sessions[sid] then return sessions[sid] end
  local text = ask('HGET', 'loading:' .. sid, ':session')
  if not text then return nil end
  sessions[sid] = session_of_text(sid, text)
  return sessions[sid]
end

-- The record was changed.
local function put_session(s) moved[s.id] = s end

-- Free slots of the servers with the most, as far as this run has looked; those that it takes are off already.
local free_slots, looked = {}, 0

local function roomiest(passed_over)
  local best, most = nil, 0
  for id, free in pairs(free_slots) do
    if free > most and not passed_over[id] then best, most = id, free end
  end
  if best then return best end
  local page = ask('ZREVRANGE', 'slots', looked, looked + 9, 'WITHSCORES')
  for i = 1, #page, 2 do free_slots[page[i]] = tonumber(page[i + 1]) end
  looked = looked + 10
  return #page > 0 and roomiest(passed_over)
end

-- How long a server rests that fails after so many failures in a row.
local function rest_after(failures) return math.min(5000 * 2 ^ math.min(failures, 4), 60000) end

local function keeps_waiting(host)
  local oldest = redis.call('ZRANGE', P .. 'reserved:' .. host.id, 0, 0, 'WITHSCORES')[2]
  return oldest and now - tonumber(oldest) > 1000
end

-- Another server is better for the session. One that failed is doubtful for ten times as long as it rested, and then
-- is asked for one match at a time until it makes a session. A session that was tried before takes no more chances.
local function is_doubtful(host, s)
  if s.tried ~= '' and (host.failures > 0 or keeps_waiting(host)) then return true end
  if host.failures == 0 then return false end
  if host.taken or now < host.resting + 10 * rest_after(host.failures - 1) then return true end
  return redis.call('ZCARD', P .. 'reserved:' .. host.id) > 0
end

-- The server on which the session can have a slot: the one with the most free ones whose address it has not tried. A
-- server may be known under two ids, and an end of the session that was asked of an address may be on its way there.
-- Doubtful servers come last; so many are passed over at most.
local MOST_DOUBTFUL = 50
local function host_for(s)
  local tried, passed_over, doubtful, doubts = {}, {}, nil, 0
  for _, address in ipairs(words(s.tried)) do tried[string.gsub(address, '^%-', '')] = true end
  local id = roomiest(passed_over)
  while id and doubts < MOST_DOUBTFUL do
    local host = server(id)
    if not host then
      free_slots[id] = 0
    elseif not tried[host.address] then
      if not is_doubtful(host, s) then return host end
      doubtful, doubts = doubtful or host, doubts + 1
    end
    passed_over[id] = true
    id = roomiest(passed_over)
  end
  return doubtful
end

local function take_slot(s, host)
  s.server, s.address = host.id, host.address
  host.taken = true
  free_slots[host.id] = free_slots[host.id] - 1
  put_session(s)
  zadd('reserved:' .. host.id, now, s.id)
  srem('unplaced', s.id)
  recount(host)
end

local function make_orphan(sid, address)
  zadd('orphans', now, sid .. ' ' .. address)
  redis.call('SADD', P .. 'orphan:' .. sid, address)
  redis.call('PEXPIRE', P .. 'orphan:' .. sid, ORPHAN_MS)
end

-- The players were told of a session that the store had forgotten: it is ended nowhere.
local function end_nowhere(sid)
  ensure_sets({'orphan:' .. sid})
  redis.call('DEL', P .. 'orphan:' .. sid)
end

-- The session may run on its server though nobody will play it: its slot stays counted, and it is to be ended.
local function disown(s)
  give_back(s.id, s.server, true)
  make_orphan(s.id, s.address)
end

-- What a session is written to, while `owner` allocates it.
local function ensure_allocation(owner)
  local places = 'allocations:' .. owner
  if not sure[places] then ensure_sets({'loading', 'allocating', 'unplaced', places}) end
end

-- Everybody in the session, read before anything is written; `leave` says that nobody goes back to the queue.
local function members(s, leave)
  if s.server ~= '' then server(s.server) end
  local ids, list = words(s.roster), {}
  read_players(ids)
  for i, id in ipairs(ids) do
    list[i] = player(id)
    ensure_player(list[i], leave)
  end
  if not (sure[s.state] and sure['allocations:' .. s.owner]) then
    ensure_sets({s.state, 'unplaced', 'allocations:' .. s.owner})
  end
  return list
end

local function close_session(s)
  redis.call('DEL', P .. s.key)
  sessions[s.id], moved[s.id] = nil, nil
  zrem(s.state, s.id)
  if s.server == '' then srem('unplaced', s.id) end
  if s.owner ~= '' then srem('allocations:' .. s.owner, s.id) end
end

local function requeue(p, reason)
  if p.away == '' then
    enter_queue(p)
    list_mode(p.mode)
  end
  p.state, p.session = 'queued', ''
  tell_requeued(p, reason)
end

-- The match falls through. `out(p)` ends the way of a culprit and returns true; the others keep their
-- place in the queue, but for those whose connection went while a server was sought: nobody is left to play.
local function cancel(s, reason, out)
  local all = members(s)
  if s.server ~= '' then
    ensure_sets({'orphans', 'orphan:' .. s.id})
    disown(s)
  end
  for _, p in ipairs(all) do
    if p.session == s.id and not out(p) then
      if p.conn == '' and p.away == '' then
        forget(p)
      else
        requeue(p, reason)
      end
    end
  end
  close_session(s)
  cancelled[#cancelled + 1] = s.mode .. ' ' .. reason
end

-- The session has its game server: everybody in it is matched. Whoever is elsewhere by now is left alone.
local function settle(s, body)
  local teams, all = words(s.teams), members(s, true)
  ask('SET', 'match:' .. s.id, body .. '}', 'PX', KEPT_MS, 'GET') -- with GET it overwrites no key of another kind
  for i, p in ipairs(all) do
    if p.session == s.id then
      p.match = body .. ',"team":' .. (teams[i] or '0')
      finish(p, 'matched')
      tell(p, p.match)
      zadd('matched', now + KEPT_MS, p.id)
      count('matched')
    end
  end
  if s.server ~= '' then give_back(s.id, s.server, true) end
  close_session(s)
end

-- What became of a session that may be forgotten here; its players are told as soon as their nodes ask.
local function know_match(sid, body)
  if sid ~= '' and redis.call('SET', P .. 'match:' .. sid, body .. '}', 'PX', KEPT_MS, 'NX') then end_nowhere(sid) end
end

-- Its players load for it by the word of their nodes, the store has forgotten it, and nobody was told yet that it fell through.
local function is_undecided(sid)
  if redis.call('EXISTS', P .. 'orphan:' .. sid) == 1 then return false end -- it did: a server is asked to end it
  local since = ask('GET', 'forgotten:' .. sid)
  return since and now - since < PATIENCE_MS
end

-- A player's connection is gone: with a grace he keeps his place without it, else he leaves.
local function depart(p, grace)
  if is_under_way(p) and grace > 0 then
    go_away(p, grace)
  elseif p.state == 'queued' then
    quit_queue(p)
    forget(p)
  elseif p.state == 'loading' then
    local s = loading_session(p.session)
    if not s then return forget(p) end
    if s.state == 'allocating' then return own(p, '', '') end
    cancel(s, 'player_left', function(member)
      if member.id ~= p.id then return false end
      forget(member)
      return true
    end)
  elseif p.state == 'matched' then
    p.node, p.conn = '', ''
    put(p)
  end
end
