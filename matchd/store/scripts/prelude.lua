-- What every script begins with: the names of the keys and the few moves that scripts share.
--
-- KEYS[1]  the key prefix, so that a cluster can route by its hash tag; may be empty
-- ARGV[1]  the node that asks
-- ARGV[2]  the moment (ms, by this server's clock) after which the question is void; 0: never
--
-- Conventions: a player's record is read once, as a table, and every function that writes keeps the
-- table true. Ids are strings, moments are ms, `since` is us so that it also orders who came first.
-- A script calls guard() first, checks everything next, and writes last: nothing here is rolled back.

local P = KEYS[1]
local node, not_after = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local now_us = string.format('%.0f', time[1] * 1000000 + time[2])

local KEPT_MS = 120000     -- how long a match, and the end of a wait, can be told again
local TOMBSTONE_MS = 30000 -- how long one who left is known to have left, whatever his former nodes believe
local KEPT_MESSAGES = 8    -- how many messages a player can have missed and still get one by one
local GRACE_OF_COUNT = 2000 -- a heartbeat this young may not count a session that is older than it
local ALWAYS_FREE = 1000000

-- cancelled sessions of this run, as `mode reason` lines for the caller's metrics and wake-ups
local cancelled = {}

local function guard()
  if not_after > 0 and now > not_after then
    return redis.error_reply('LATE asked too long ago')
  end
  if not redis.call('ZSCORE', P .. 'nodes', node) then
    return redis.error_reply('FENCED this node is not among the nodes')
  end
end

local function count(what, n)
  redis.call('HINCRBY', P .. 'tally', what, n or 1)
end

-- players ------------------------------------------------------------------------------------------

local FIELDS = {'state', 'mode', 'order', 'since', 'session', 'node', 'conn', 'seq', 'away', 'match'}

local function player(id)
  local values = redis.call('HMGET', P .. 'player:' .. id, unpack(FIELDS))
  local p = {id = id, key = P .. 'player:' .. id}
  for i, field in ipairs(FIELDS) do p[field] = values[i] or '' end
  p.seq = tonumber(p.seq) or 0
  p.under_way = p.state == 'queued' or p.state == 'loading' or p.state == 'allocating'
  return p
end

local function put(p, ...)
  redis.call('HSET', p.key, ...)
  local pairs_ = {...}
  for i = 1, #pairs_, 2 do p[pairs_[i]] = pairs_[i + 1] end
end

-- body is a JSON object without its closing brace
local function tell(p, body)
  p.seq = p.seq + 1
  local message = body .. ',"seq":' .. p.seq .. '}'
  redis.call('HSET', p.key, 'seq', p.seq, 'm' .. p.seq % KEPT_MESSAGES, message)
  redis.call('PUBLISH', P .. 'notifications:' .. p.id, message)
end

local function tell_queued(p) tell(p, '{"type":"queued"') end

local function tell_start_loading(p)
  tell(p, '{"type":"start_loading","loading_session_id":"' .. p.session .. '"')
end

local function tell_requeued(p, reason)
  tell(p, '{"type":"requeued","reason":"' .. reason .. '"')
end

-- everybody under way is in exactly one of these sets; the one of node '' holds those without a connection
local function own(p, new_node, conn)
  redis.call('SREM', P .. 'players:' .. p.node, p.id)
  redis.call('SADD', P .. 'players:' .. new_node, p.id)
  put(p, 'node', new_node, 'conn', conn)
end

local function enter_queue(p)
  redis.call('SADD', P .. 'queue:' .. p.mode, p.id)
  if p.order == 'fifo' then
    redis.call('ZADD', P .. 'order:' .. p.mode, p.since, p.id)
  end
end

local function quit_queue(p)
  redis.call('SREM', P .. 'queue:' .. p.mode, p.id)
  redis.call('ZREM', P .. 'order:' .. p.mode, p.id)
end

local function come_back(p)
  if p.away == '' then return end
  redis.call('ZREM', P .. 'away', p.id)
  redis.call('HDEL', p.key, 'away')
  p.away = ''
  if p.state == 'queued' then enter_queue(p) end
end

local function go_away(p, grace)
  own(p, '', '')
  put(p, 'away', now + grace)
  redis.call('ZADD', P .. 'away', now + grace, p.id)
  if p.state == 'queued' then quit_queue(p) end
end

-- A new life as a queued player; whatever the record said before is over, but for its numbering.
local function begin(p, mode, order, since, conn, seq)
  redis.call('DEL', p.key)
  redis.call('ZREM', P .. 'matched', p.id)
  p.seq = math.max(p.seq, seq)
  p.node, p.away, p.session, p.match, p.under_way = node, '', '', '', true
  put(p, 'state', 'queued', 'mode', mode, 'order', order, 'since', since, 'node', node, 'conn', conn, 'seq', p.seq)
  redis.call('SADD', P .. 'players:' .. node, p.id)
  enter_queue(p)
  count('accepted')
end

-- The end of being under way. The record can still be read for a while, by those who missed it.
local function finish(p, state, why)
  redis.call('SREM', P .. 'players:' .. p.node, p.id)
  redis.call('ZREM', P .. 'away', p.id)
  redis.call('HDEL', p.key, 'session', 'away')
  put(p, 'state', state)
  p.session, p.away, p.under_way = '', '', false
  redis.call('PEXPIRE', p.key, KEPT_MS)
  count(why)
end

local function forget(p)
  finish(p, 'left', 'left')
  redis.call('PEXPIRE', p.key, TOMBSTONE_MS)
end

-- A player's newest connection speaks for him: the older one is told so, on its own node.
local function take_over(p, conn)
  if p.conn ~= '' and p.conn ~= conn then
    redis.call('PUBLISH', P .. 'node:' .. p.node, '{"superseded":"' .. p.conn .. '","player_id":"' .. p.id .. '"}')
  end
  if p.under_way then
    own(p, node, conn)
    come_back(p)
  elseif p.state ~= '' then
    put(p, 'node', node, 'conn', conn)
  end
end

local function tell_place(p)
  if p.state == 'queued' then
    tell_queued(p)
  elseif p.state == 'matched' then
    tell(p, p.match)
  else
    tell_start_loading(p)
  end
end

-- game servers -------------------------------------------------------------------------------------

local function server(id)
  local key = P .. 'dedicated_server:' .. id
  local v = redis.call('HMGET', key, 'address', 'capacity', 'running', 'fixed', 'resting', 'failures')
  if not v[1] then return nil end
  return {
    id = id, key = key, address = v[1], capacity = tonumber(v[2]), running = tonumber(v[3]) or 0,
    fixed = v[4] == '1', resting = tonumber(v[5]) or 0, failures = tonumber(v[6]) or 0,
  }
end

-- Slots in use: what the server says runs, what is reserved, and what it may not have counted yet.
local function recount(s)
  local used = s.running + redis.call('ZCARD', P .. 'reserved:' .. s.id) + redis.call('ZCARD', P .. 'settled:' .. s.id)
  local free = s.fixed and ALWAYS_FREE or s.capacity - used
  redis.call('HSET', s.key, 'sessions', used, 'status', free > 0 and 'idle' or 'busy')
  if free > 0 and s.resting <= now then
    redis.call('ZADD', P .. 'slots', free, s.id)
  else
    redis.call('ZREM', P .. 'slots', s.id)
  end
end

local function forget_server(id)
  redis.call('DEL', P .. 'dedicated_server:' .. id, P .. 'reserved:' .. id, P .. 'settled:' .. id)
  redis.call('ZREM', P .. 'slots', id)
  redis.call('ZREM', P .. 'servers', id)
  redis.call('ZREM', P .. 'resting', id)
end

-- The session no longer holds its slot. `held` keeps it counted until the server's next word on it.
local function give_back(sid, server_id, held)
  redis.call('ZREM', P .. 'reserved:' .. server_id, sid)
  local s = server(server_id)
  if not s then return end
  if held then redis.call('ZADD', P .. 'settled:' .. server_id, now, sid) end
  recount(s)
end

-- loading sessions ---------------------------------------------------------------------------------

local function words(text)
  local list = {}
  for word in string.gmatch(text or '', '%S+') do list[#list + 1] = word end
  return list
end

local function loading_session(sid)
  local key = P .. 'loading:' .. sid
  local v = redis.call('HMGET', key, ':mode', ':state', ':roster', ':owner', ':server', ':tried', ':teams', ':size')
  if not v[2] then return nil end
  return {
    id = sid, key = key, mode = v[1], state = v[2], roster = words(v[3]), owner = v[4] or '', server = v[5] or '',
    tried = v[6] or '', teams = words(v[7]), size = tonumber(v[8]),
  }
end

local function close_session(s)
  redis.call('DEL', s.key)
  redis.call('ZREM', P .. 'loading', s.id)
  redis.call('ZREM', P .. 'allocating', s.id)
  redis.call('SREM', P .. 'unplaced', s.id)
  redis.call('SREM', P .. 'allocations:' .. s.owner, s.id)
end

local function requeue(p, reason)
  redis.call('HDEL', p.key, 'session')
  put(p, 'state', 'queued')
  p.session = ''
  if p.away == '' then enter_queue(p) end
  tell_requeued(p, reason)
end

-- The match falls through. `out(p)` ends the way of a culprit and returns true; the others keep their
-- place in the queue, but for those whose connection went while a server was sought: nobody is left to play.
local function cancel(s, reason, out)
  if s.server ~= '' then give_back(s.id, s.server, false) end
  for _, id in ipairs(s.roster) do
    local p = player(id)
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
  for i, id in ipairs(s.roster) do
    local p = player(id)
    if p.session == s.id then
      local match = body .. ',"team":' .. (s.teams[i] or '0')
      finish(p, 'matched', 'matched')
      redis.call('ZADD', P .. 'matched', now + KEPT_MS, id)
      put(p, 'match', match)
      tell(p, match)
    end
  end
  redis.call('SET', P .. 'match:' .. s.id, body .. '}', 'PX', KEPT_MS)
  if s.server ~= '' then give_back(s.id, s.server, true) end
  close_session(s)
end

-- A player's connection is gone: with a grace he keeps his place without it, else he leaves.
local function depart(p, grace)
  if p.state == 'queued' then
    if grace > 0 then return go_away(p, grace) end
    quit_queue(p)
    forget(p)
  elseif p.state == 'loading' then
    if grace > 0 then return go_away(p, grace) end
    local s = loading_session(p.session)
    if not s then return forget(p) end
    cancel(s, 'player_left', function(member)
      if member.id ~= p.id then return false end
      forget(member)
      return true
    end)
  elseif p.state == 'allocating' then
    if grace > 0 then return go_away(p, grace) end
    own(p, '', '')
  elseif p.state == 'matched' then
    put(p, 'conn', '', 'node', '')
  end
end
