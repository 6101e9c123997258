-- What every script begins with: the conventions, and the moves of players that scripts share.
--
-- KEYS[1]  the key prefix, so that a cluster can route by its hash tag; may be empty
-- ARGV[1]  the node that asks
-- ARGV[2]  the moment (ms, by this server's clock) after which the question is void; 0: never
--
-- Conventions: a player's record is read once, as a table, and every function that changes it keeps the
-- table true. Ids are strings, moments are ms, `since` is us so that it also orders who came first.
-- A script calls guard() first, checks everything next, and commits last: nothing here is rolled back. Every call
-- of Redis costs about a microsecond, so what a script changes is gathered, and written in few calls by commit().

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

local function words(text)
  local list = {}
  for word in string.gmatch(text or '', '%S+') do list[#list + 1] = word end
  return list
end

-- what a script changes ----------------------------------------------------------------------------

-- What commit() will write: by key and member, the last word counts. These are named for what they do in the end.
local sets, sorted_sets, hashes, tallied = {}, {}, {}, {}

local function note(changes, key, member, what)
  if not changes[key] then changes[key] = {} end
  changes[key][member] = what
end

local function sadd(key, member) note(sets, key, member, true) end

local function srem(key, member) note(sets, key, member, false) end

local function zadd(key, score, member) note(sorted_sets, key, member, score) end

local function zrem(key, member) note(sorted_sets, key, member, false) end

local function hset(key, field, value) note(hashes, key, field, value) end

local function count(what, n) tallied[what] = (tallied[what] or 0) + (n or 1) end

local UNDER_WAY = {queued = true, loading = true}
local players = {}    -- by id: whose record was read
local changed = {}    -- by id: whose record is to be written
local lifetimes = {}  -- by id: for how long (ms) a record is kept that comes to its end

-- For scripts that are asked many questions at once: the first argument of each `stride`.
local function every(stride)
  local list = {}
  for i = 3, #ARGV, stride do list[#list + 1] = ARGV[i] end
  return list
end

-- players ------------------------------------------------------------------------------------------

-- A record is its fields in this order, each ended by a zero byte: at half of what JSON costs.
local RECORD = string.rep('s', 14)

local function packed(p)
  return struct.pack(RECORD, p.id, p.state, p.mode, p.order, p.since, p.session, p.node, p.conn, p.away, p.excused,
    p.match, p.seq, p.kept_from, p.told)
end

local function unpacked(text)
  local id, state, mode, order, since, session, node, conn, away, excused, match, seq, kept_from, told =
    struct.unpack(RECORD, text)
  return {id = id, state = state, mode = mode, order = order, since = since, session = session, node = node,
    conn = conn, away = away, excused = excused, match = match, seq = tonumber(seq), kept_from = tonumber(kept_from),
    told = told}
end

-- Of whom nothing is known.
local function unheard_of(id)
  return {id = id, state = '', mode = '', order = '', since = '', session = '', node = '', conn = '', away = '',
    excused = '', match = '', seq = 0, kept_from = 1, told = ''}
end

local texts = {} -- by id: records as they were read; false where there is none

-- Reads many records in one call. Where another application's key is in the way, player() will say so.
local function read_players(ids)
  local unknown, keys, absent = {}, {}, {}
  for _, id in ipairs(ids) do
    if texts[id] == nil then
      unknown[#unknown + 1] = id
      keys[#keys + 1] = P .. 'player:' .. id
    end
  end
  if #keys == 0 then return end
  for i, text in ipairs(redis.call('MGET', unpack(keys))) do
    if text then texts[unknown[i]] = text else absent[#absent + 1] = keys[i] end
  end
  if #absent == 0 or redis.call('EXISTS', unpack(absent)) > 0 then return end
  for _, id in ipairs(unknown) do texts[id] = texts[id] or false end
end

local function decoded(id, text)
  local fine, p = pcall(unpacked, text)
  if fine and p.id == id then return p end
  error(redis.error_reply('WRONGTYPE the key ' .. P .. 'player:' .. id .. ' is not a record of matchd'))
end

local function player(id)
  if players[id] then return players[id] end
  local text = texts[id]
  if text == nil then text = redis.call('GET', P .. 'player:' .. id) end
  players[id] = text and decoded(id, text) or unheard_of(id)
  return players[id]
end

local function is_under_way(p) return UNDER_WAY[p.state] end

local function ensure_player(p)
  local places = p.mode .. ' ' .. p.node
  if sure[places] then return end
  local queue, line = 'queue:' .. p.mode, 'order:' .. p.mode
  ensure_sets({'away', 'matched', queue, line, 'players:' .. p.node, 'players:' .. node})
  sure[places] = true
end

-- The record was changed.
local function put(p) changed[p.id] = p end

local function numbered(body, seq) return body .. ',"seq":' .. seq .. '}' end

-- `body` is a JSON object without its closing brace. Returns how many nodes heard it.
local function tell(p, body)
  p.seq = p.seq + 1
  p.told = p.told .. body .. '\n'
  if p.seq - p.kept_from >= KEPT_MESSAGES then
    p.told, p.kept_from = string.match(p.told, '\n(.*)'), p.kept_from + 1
  end
  put(p)
  return redis.call('PUBLISH', P .. 'notifications:' .. p.id, numbered(body, p.seq))
end

-- Whoever speaks for him has heard messages up to `seq`, of which nothing is known here.
local function renumber(p, seq)
  p.seq, p.kept_from, p.told = seq, seq + 1, ''
  put(p)
end

local function number_from(p, seq)
  if p.seq < seq then renumber(p, seq) end
end

local function tell_queued(p) tell(p, '{"type":"queued"') end

local function tell_start_loading(p)
  return tell(p, '{"type":"start_loading","loading_session_id":"' .. p.session .. '"')
end

local function tell_requeued(p, reason) tell(p, '{"type":"requeued","reason":"' .. reason .. '"') end

-- everybody under way is in exactly one of these sets; the one of node '' holds those without a connection
local function own(p, new_node, conn)
  srem('players:' .. p.node, p.id)
  sadd('players:' .. new_node, p.id)
  p.node, p.conn = new_node, conn
  put(p)
end

local function enter_queue(p)
  sadd('queue:' .. p.mode, p.id)
  if p.order == 'fifo' then zadd('order:' .. p.mode, p.since, p.id) end
end

local function quit_queue(p)
  srem('queue:' .. p.mode, p.id)
  if p.order == 'fifo' then zrem('order:' .. p.mode, p.id) end
end

local function not_away(p)
  zrem('away', p.id)
  p.away = ''
  put(p)
end

local function come_back(p)
  if p.away == '' then return end
  not_away(p)
  if p.state == 'queued' then enter_queue(p) end
end

local function go_away(p, grace)
  own(p, '', '')
  p.away = now + grace
  zadd('away', p.away, p.id)
  if p.state == 'queued' then quit_queue(p) end
end

-- A new life as a queued player; whatever the record said before is over, but for its numbering.
local function begin(p, mode, order, since, conn, seq)
  if p.state == 'matched' then zrem('matched', p.id) end
  p.state, p.mode, p.order, p.since, p.node, p.conn = 'queued', mode, order, since, node, conn
  p.away, p.session, p.match, p.excused = '', '', '', ''
  renumber(p, math.max(p.seq, seq))
  sadd('players:' .. node, p.id)
  enter_queue(p)
end

-- The end of being under way. The record can still be read for a while, by those who missed it.
local function finish(p, state, kept)
  srem('players:' .. p.node, p.id)
  if p.away ~= '' then not_away(p) end
  p.state, p.session = state, ''
  lifetimes[p.id] = kept or KEPT_MS
  put(p)
end

local function forget(p)
  finish(p, 'left', TOMBSTONE_MS)
  count('left')
end

local function is_matched_in(p, sid)
  return sid ~= '' and string.find(p.match, '"loading_session_id":"' .. sid .. '"', 1, true)
end

-- A player's newest connection speaks for him: the older one is told so, on its own node.
local function take_over(p, conn)
  if p.conn ~= '' and p.conn ~= conn then
    redis.call('PUBLISH', P .. 'node:' .. p.node, '{"superseded":"' .. p.conn .. '","player_id":"' .. p.id .. '"}')
  end
  if is_under_way(p) then
    own(p, node, conn)
    come_back(p)
  elseif p.state ~= '' then
    p.node, p.conn = node, conn
    put(p)
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
