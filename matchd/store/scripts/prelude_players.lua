-- What every script goes on with, after prelude.lua and prelude_records.lua: the players, and how they move.

local UNDER_WAY = {queued = true, loading = true}
local players = {}    -- by id: whose record was read
local changed = {}    -- by id: whose record is to be written
local lifetimes = {}  -- by id: for how long (ms) a record is kept that comes to its end

-- Of whom nothing is known.
local function unheard_of(id)
  return {id = id, state = '', mode = '', order = '', since = '', session = '', node = '', conn = '', away = '',
    excused = '', match = '', seq = 0, answer = '1', kept_from = '1', told = ''}
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
  for first, last in parts(keys) do
    for i, text in ipairs(redis.call('MGET', unpack(keys, first, last))) do
      local place = first + i - 1
      if text then texts[unknown[place]] = text else absent[#absent + 1] = keys[place] end
    end
  end
  for first, last in parts(absent) do
    if redis.call('EXISTS', unpack(absent, first, last)) > 0 then return end
  end
  for _, id in ipairs(unknown) do texts[id] = texts[id] or false end
end

local function recorded(id, text)
  local fine, p = pcall(player_of_text, text)
  if fine and p.id == id then return p end
  error(redis.error_reply('WRONGTYPE the key ' .. P .. 'player:' .. id .. ' is not a record of matchd'))
end

local function player(id)
  if players[id] then return players[id] end
  local text = texts[id]
  if text == nil then text = ask('GET', 'player:' .. id) end
  players[id] = text and recorded(id, text) or unheard_of(id)
  return players[id]
end

local function is_under_way(p) return UNDER_WAY[p.state] end

-- What a player's step may be written to; `leaves` says that it does not lead to the queue.
local function ensure_player(p, leaves)
  local places = (leaves and '' or p.mode) .. ' ' .. p.node
  if sure[places] then return end
  local line = not leaves and 'order:' .. p.mode or nil
  ensure_sets({'away', 'matched', 'players:' .. p.node, 'players:' .. node, line, line and 'queue:' .. p.mode,
    line and 'modes', line and 'undrawn'})
  sure[places] = true
end

-- The record was changed.
local function put(p) changed[p.id] = p end

local function numbered(body, seq) return body .. ',"seq":' .. text_of[seq] .. '}' end

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
  local next_one = text_of[seq + 1]
  p.seq, p.answer, p.kept_from, p.told = seq, next_one, next_one, ''
  put(p)
end

local function number_from(p, seq)
  if p.seq < seq then renumber(p, seq) end
end

local function tell_start_loading(p)
  return tell(p, '{"type":"start_loading","loading_session_id":"' .. p.session .. '"')
end

local function tell_requeued(p, reason) tell(p, '{"type":"requeued","reason":"' .. reason .. '"') end

-- everybody under way is in exactly one of these sets; the one of node '' holds those without a connection
local function own(p, new_node, conn)
  if p.node ~= new_node then srem('players:' .. p.node, p.id) end
  sadd('players:' .. new_node, p.id)
  p.node, p.conn = new_node, conn
  put(p)
end

-- The player enters the queue, for a draw that knows of it.
local function join_queue(p)
  sadd('queue:' .. p.mode, p.id)
  zadd('order:' .. p.mode, p.since, p.id)
end

local to_draw = {} -- by mode: whether somebody has entered its queue of whom no draw knows

-- The player enters the queue, and the next draw of any node is to look at it.
local function enter_queue(p)
  join_queue(p)
  to_draw[p.mode] = true
end

-- A mode that no node serves is forgotten when nobody waits in it. Who comes into its queue by another way than by asking
-- for it has it known again: as one that was never served since, so that the sweep tells them.
local function list_mode(mode)
  if latest['modes ' .. mode] then return end
  latest['modes ' .. mode] = {}
  calls[#calls + 1] = {'ZADD', P .. 'modes', 'NX', 0, mode}
end

local function quit_queue(p)
  srem('queue:' .. p.mode, p.id)
  zrem('order:' .. p.mode, p.id)
end

local function not_away(p)
  zrem('away', p.id)
  p.away = ''
  put(p)
end

local function come_back(p)
  if p.away == '' then return end
  not_away(p)
  if p.state ~= 'queued' then return end
  enter_queue(p)
  list_mode(p.mode)
end

local function go_away(p, grace)
  own(p, '', '')
  p.away = now + grace
  zadd('away', p.away, p.id)
  if p.state == 'queued' then quit_queue(p) end
end

-- A new life as a queued player, who is still to enter his queue; whatever the record said before is over, but for its
-- numbering, and for what the connection that goes on has not heard yet.
local function begin(p, mode, order, since, conn, seq, goes_on)
  if p.state == 'matched' then zrem('matched', p.id) end
  p.state, p.mode, p.order, p.since, p.node, p.conn = 'queued', mode, order, since, node, conn
  p.away, p.session, p.match, p.excused = '', '', '', ''
  if not goes_on or p.seq < seq then renumber(p, math.max(p.seq, seq)) end
  sadd('players:' .. node, p.id)
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

-- The answer to what he asked. It is known as such, for one who never hears that he is answered.
local function tell_place(p)
  if p.state == 'queued' then
    tell(p, '{"type":"queued"')
  elseif p.state == 'matched' then
    tell(p, p.match)
  else
    tell_start_loading(p)
  end
  p.answer = text_of[p.seq]
end
