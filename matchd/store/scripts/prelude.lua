-- What every script begins with: the conventions, and the moves of players that scripts share.
--
-- KEYS[1]  the key prefix, so that a cluster can route by its hash tag; may be empty
-- ARGV[1]  the node that asks
-- ARGV[2]  the moment (ms, by this server's clock) after which the question is void; 0: never
--
-- Conventions: a player's record is read once, as a table, and every function that writes keeps the
-- table true. Ids are strings, moments are ms, `since` is us so that it also orders who came first.
-- A script calls guard() first, checks everything next, and writes last: nothing here is rolled back. Every call
-- of Redis costs about a microsecond, so what belongs together is written together.

local P = KEYS[1]
local node, not_after = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local now_us = time[1] * 1000000 + time[2]

-- the sets of which there is one each
local SETS = {'nodes', 'modes', 'reaping', 'matched', 'away', 'loading', 'allocating', 'unplaced',
  'servers', 'slots', 'resting', 'orphans'}

local KEPT_MS = 120000     -- how long a match, and the end of a wait, can be told again
local TOMBSTONE_MS = 30000 -- how long one who left is known to have left, whatever his former nodes believe
local START = '{"type":"' -- how every message begins; kept without it, most keep a record small enough to be a list
local KEPT_MESSAGES = 8    -- how many messages a player can have missed and still get one by one
local PATIENCE_MS = 1000   -- how long the nodes have to say that a session which the store has forgotten was matched
local GRACE_OF_COUNT = 2000 -- a heartbeat this young may not count a session that is older than it
local ALWAYS_FREE = 1000000
local ORPHAN_MS = 600000   -- how long a server is asked to end a session that nobody plays

-- Others may use this server too, so what should be sets may not be. Whoever is about to write makes sure of
-- it first: this raises where one of these keys is anything else.
local sure = {}
local function ensure_sets(names)
  local keys = {P .. 'none'} -- never there, so that nothing is compared: all that counts is the types
  for _, name in ipairs(names) do
    if not sure[name] then keys[#keys + 1] = P .. name end
  end
  if #keys == 1 then return end
  redis.call('ZINTERCARD', #keys, unpack(keys))
  for _, name in ipairs(names) do sure[name] = true end
end

local function guard()
  if not_after > 0 and now > not_after then
    return redis.error_reply('LATE asked too long ago')
  end
  if not redis.call('ZSCORE', P .. 'nodes', node) then
    return redis.error_reply('FENCED this node is not among the nodes')
  end
end

local function serve(modes)
  for _, mode in ipairs(modes) do redis.call('ZADD', P .. 'modes', now, mode) end
end

local function count(what, n) redis.pcall('HINCRBY', P .. 'tally', what, n or 1) end

local function words(text)
  local list = {}
  for word in string.gmatch(text or '', '%S+') do list[#list + 1] = word end
  return list
end

-- For scripts that are asked many questions at once: calls one(...) with each `stride` arguments, and replies with
-- all that it returned. Where it fails the others are answered all the same.
local function answer_each(stride, one)
  local replies = {}
  for i = 3, #ARGV, stride do
    local fine, reply = pcall(one, unpack(ARGV, i, i + stride - 1))
    replies[#replies + 1] = fine and reply or redis.error_reply(reply.err or reply)
  end
  return replies
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

local function ensure_player(p)
  local queue, line = 'queue:' .. p.mode, 'order:' .. p.mode
  ensure_sets({'away', 'matched', queue, line, 'players:' .. p.node, 'players:' .. node})
end

local function put(p, ...)
  redis.call('HSET', p.key, ...)
  local pairs_ = {...}
  for i = 1, #pairs_, 2 do p[pairs_[i]] = pairs_[i + 1] end
end

local function numbered(body, seq) return body .. ',"seq":' .. seq .. '}' end

-- `body` is a JSON object without its closing brace; what is put with it is put in the same write. Returns how many
-- nodes heard it.
local function tell(p, body, ...)
  local seq = p.seq + 1
  put(p, 'seq', seq, 'm' .. seq % KEPT_MESSAGES, string.sub(body, #START + 1), ...)
  return redis.call('PUBLISH', P .. 'notifications:' .. p.id, numbered(body, seq))
end

local function tell_queued(p, ...) tell(p, '{"type":"queued"', ...) end

local function tell_start_loading(p, sid, ...)
  return tell(p, '{"type":"start_loading","loading_session_id":"' .. sid .. '"', ...)
end

local function tell_requeued(p, reason, ...)
  tell(p, '{"type":"requeued","reason":"' .. reason .. '"', ...)
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

local function not_away(p)
  redis.call('ZREM', P .. 'away', p.id)
  redis.call('HDEL', p.key, 'away')
  p.away = ''
end

local function come_back(p)
  if p.away == '' then return end
  not_away(p)
  if p.state == 'queued' then enter_queue(p) end
end

local function go_away(p, grace)
  own(p, '', '')
  put(p, 'away', now + grace)
  redis.call('ZADD', P .. 'away', now + grace, p.id)
  if p.state == 'queued' then quit_queue(p) end
end

-- Put what he is not told of, on a record that may be new and needs its numbering.
local function put_untold(p, ...) put(p, 'seq', p.seq, ...) end

-- A new life as a queued player; whatever the record said before is over, but for its numbering. `told` puts it:
-- in one write with what he is told of it, or untold.
local function begin(p, told, mode, order, since, conn, seq)
  if p.state ~= '' then redis.call('DEL', p.key) end
  if p.state == 'matched' then redis.call('ZREM', P .. 'matched', p.id) end
  p.node, p.away, p.session, p.match, p.under_way = node, '', '', '', true
  p.seq = math.max(p.seq, seq)
  told(p, 'state', 'queued', 'mode', mode, 'order', order, 'since', since, 'node', node, 'conn', conn)
  redis.call('SADD', P .. 'players:' .. node, p.id)
  enter_queue(p)
end

-- The end of being under way. The record can still be read for a while, by those who missed it. `told` puts it, as above.
local function finish(p, told, state, kept)
  redis.call('SREM', P .. 'players:' .. p.node, p.id)
  if p.away ~= '' then not_away(p) end
  p.under_way = false
  told(p, 'state', state, 'session', '')
  redis.call('PEXPIRE', p.key, kept or KEPT_MS)
end

local function forget(p)
  finish(p, put, 'left', TOMBSTONE_MS)
  count('left')
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
    tell_start_loading(p, p.session)
  end
end
