-- What every script that changes something ends with, after the other preludes: it writes what was gathered.

local function write_sessions()
  for _, s in pairs(moved) do redis.call('HSET', P .. s.key, ':session', session_as_text(s), unpack(s.fields or {})) end
  moved = {}
end

local function write_players()
  local lasting = {}
  for id, p in pairs(changed) do
    local key, text = P .. 'player:' .. id, player_as_text(p)
    if UNDER_WAY[p.state] then
      lasting[#lasting + 1] = key
      lasting[#lasting + 1] = text
    elseif lifetimes[id] then
      redis.call('SET', key, text, 'PX', text_of[lifetimes[id]])
    else
      redis.call('SET', key, text, 'KEEPTTL')
    end
  end
  for first, last in parts(lasting) do redis.call('MSET', unpack(lasting, first, last)) end
  changed, lifetimes = {}, {}
end

-- The members are counted where they are: so these come after them.
local function write_servers()
  for id, s in pairs(uncounted) do
    count_slots(s)
    uncounted[id] = nil
  end
end

-- A match may be possible in these modes, whose queues are written.
local function write_undrawn()
  for mode in pairs(to_draw) do
    local since = redis.call('ZRANGE', P .. 'order:' .. mode, 0, 0, 'WITHSCORES')[2]
    if since then redis.call('ZADD', P .. 'undrawn', since, mode) end
  end
  to_draw = {}
end

-- Writes what was gathered; returns the reply that it is given, so that a script can end with it.
local function commit(reply)
  write_places()
  write_undrawn()
  write_sessions()
  write_servers()
  write_players()
  for what, n in pairs(tallied) do redis.pcall('HINCRBY', P .. 'tally', what, n) end
  tallied = {}
  return reply
end

-- Calls one(...) with each `stride` arguments, and replies with all that it returned. Where it fails the others are
-- answered all the same. What `finally` does comes last, and is written with the rest.
local function answer_each(stride, one, finally)
  local replies = {}
  for i = 3, #ARGV, stride do
    local fine, reply = pcall(one, unpack(ARGV, i, i + stride - 1))
    replies[#replies + 1] = fine and reply or redis.error_reply(reply.err or reply)
  end
  if finally then finally() end
  return commit(replies)
end
