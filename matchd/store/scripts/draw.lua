#!lua
-- Draw matches of modes, where the player waits longest first: pop the players, write the loading sessions, tell everybody.
--
-- ARGV[3..]  three a mode: its name, order (fifo or random), the terms of its draw, see terms_of()
-- Reply: for each {matches, players still waiting, why not all were drawn, waits (ms) of those drawn...}, see draw()
-- Keys: writes queue:{mode}, order:{mode}, player:{id}, loading:{sid}, loading, unplaced, undrawn, looked_at;
--       reads slots, dedicated_server:{id}

local refusal = guard()
if refusal then return refusal end
local replies, open, turn = {}, {}, turns()

-- Of those who are in the set alone, the ones who wait enter the line: they came by an older matchd. Others are dropped:
-- somebody else put them there.
local function line_up(queue, line, mode)
  local ids, waiting = {unpack(redis.call('ZDIFF', 2, queue, line), 1, 1000)}, {}
  for _, p in ipairs(those_who_wait(mode, ids)) do
    waiting[p.id] = true
    redis.call('ZADD', line, p.since, p.id)
  end
  for _, id in ipairs(ids) do
    if not waiting[id] then redis.call('SREM', queue, id) end
  end
end

local function count_waiting(mode)
  local queue, line = P .. 'queue:' .. mode, P .. 'order:' .. mode
  if redis.call('SCARD', queue) > redis.call('ZCARD', line) then line_up(queue, line, mode) end
  return redis.call('ZCARD', line)
end

-- Who waits there now? A mode that has enough for a match is to be drawn.
local function look_at(at, mode, order, terms)
  ensure_draw(mode)
  terms = terms_of(terms)
  local waiting = count_waiting(mode)
  local since = waiting >= terms.size and turn.since(mode, {})
  if since then
    turn.keep(mode, since)
    open[#open + 1] = {at = at, name = mode, order = order, terms = terms, since = tonumber(since)}
  else
    turn.over(mode)
  end
  return {0, waiting, 0}
end

local function failed(trouble) return redis.error_reply(trouble.err or trouble) end

local function first_in_turn()
  local first = 1
  for i = 2, #open do
    if open[i].since < open[first].since then first = i end
  end
  return first
end

local function add(reply, outcome)
  reply[1], reply[2], reply[3] = reply[1] + outcome[1], outcome[2], outcome[3]
  for i = 4, #outcome do reply[#reply + 1] = outcome[i] end
end

-- Draws the mode whose turn it is. Returns how many players, and why no other mode can be drawn after it, or 0.
local function draw_next()
  local i = first_in_turn()
  local mode = open[i]
  local fine, outcome = pcall(draw, mode.name, mode.order, mode.terms, {})
  if not fine then
    replies[mode.at] = failed(outcome)
    redis.call('ZREM', P .. 'looked_at', mode.name) -- it must not keep the others waiting
    table.remove(open, i)
    return 0, 0
  end
  add(replies[mode.at], outcome)
  local since = outcome[1] > 0 and mode.terms.most > 0 and redis.call('ZSCORE', P .. 'undrawn', mode.name)
  if since then mode.since = tonumber(since) else table.remove(open, i) end
  return outcome[1] * mode.terms.size, outcome[1] == 0 and outcome[3] or 0
end

for i = 3, #ARGV, 3 do
  local at = (i - 3) / 3 + 1
  local fine, reply = pcall(look_at, at, ARGV[i], ARGV[i + 1], ARGV[i + 2])
  replies[at] = fine and reply or failed(reply)
end
local drawn, limit = 0, 0
while #open > 0 and drawn < MOST_DRAWN and limit == 0 do
  local players
  players, limit = draw_next()
  drawn = drawn + players
end
for _, mode in ipairs(open) do replies[mode.at][3] = limit end
return commit(replies)
