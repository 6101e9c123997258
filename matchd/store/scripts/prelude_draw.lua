-- What every script goes on with, after the preludes before: matches are drawn from a mode's queue.

-- Free slots less the sessions already on their way to one; counted no further than this draw can use.
local function placeable(wanted)
  local promised, free, start = ask('SCARD', 'unplaced'), 0, 0
  while free < promised + wanted do
    local page = ask('ZREVRANGE', 'slots', start, start + 49, 'WITHSCORES')
    if #page == 0 then break end
    for i = 1, #page, 2 do
      if free >= promised + wanted then break end
      if redis.call('EXISTS', P .. 'dedicated_server:' .. page[i]) == 1 then free = free + tonumber(page[i + 1]) end
    end
    start = start + 50
  end
  return math.max(0, math.min(wanted, free - promised))
end

local function pop(mode, order, n)
  local queue, line = P .. 'queue:' .. mode, P .. 'order:' .. mode
  if order ~= 'fifo' then return redis.call('SPOP', queue, n) end
  local ids, popped = {}, redis.call('ZPOPMIN', line, n)
  for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
  for first, last in parts(ids) do redis.call('SREM', queue, unpack(ids, first, last)) end
  return ids
end

-- Whoever has no record that says he waits here was put into the set by somebody else, and is dropped.
local function draw_players(mode, order, n)
  local drawn = {}
  local popped = n > 0 and pop(mode, order, n) or {}
  read_players(popped)
  for _, id in ipairs(popped) do
    local known, p = pcall(player, id)
    if known and p.state == 'queued' and p.mode == mode and p.away == '' then drawn[#drawn + 1] = p end
  end
  return drawn
end

-- A match of the players drawn from `first` on.
local function form(sid, mode, size, drawn, first, deadline, teams)
  local roster, fields = {}, {}
  for i = 1, size do
    local p = drawn[first + i - 1]
    roster[i] = p.id
    fields[#fields + 1] = p.id
    fields[#fields + 1] = 'loading'
    p.state, p.session = 'loading', sid
    if tell_start_loading(p) == 0 then excuse(p) end
  end
  redis.call('HSET', P .. 'loading:' .. sid, ':session', session_as_text({
    state = 'loading', mode = mode, size = size, roster = table.concat(roster, ' '), teams = teams, created = now,
    deadline = deadline, ready = 0, owner = '', server = '', address = '', tried = '',
  }), unpack(fields))
  zadd('loading', deadline, sid)
  sadd('unplaced', sid)
end

-- A line has everybody who waits, so whoever is in the set alone was put there by somebody else.
local function count_waiting(mode, order)
  local queue, line = P .. 'queue:' .. mode, P .. 'order:' .. mode
  local waiting = ask('SCARD', 'queue:' .. mode)
  if order ~= 'fifo' then return waiting end
  local in_line = ask('ZCARD', 'order:' .. mode)
  if waiting > in_line then
    for _, id in ipairs(redis.call('ZDIFF', 2, queue, line)) do redis.call('SREM', queue, id) end
  end
  return in_line
end

-- Those who wait, then those who arrive, of whom none is in the queue by right.
local function draw_both(mode, order, waiting, arriving, n)
  local drawn = draw_players(mode, order, math.min(waiting, n))
  local is_drawn = {}
  for _, p in ipairs(drawn) do is_drawn[p.id] = true end
  for _, p in ipairs(arriving) do
    if #drawn < n and not is_drawn[p.id] then drawn[#drawn + 1] = p end
  end
  return drawn
end

-- Draws matches of a mode, from its queue, which is written, and of the players who are about to enter it.
--
-- `terms` are words: the stem of new session ids, most matches, their size, the loading timeout (ms), and the team (0,
-- 1, ...) of each player in drawn order. Returns {matches, players still waiting, 1 if game servers were the limit,
-- waits (ms) of those drawn...}.
local function draw(mode, order, terms, arriving)
  local stem, most, size, timeout, teams = string.match(terms, '^(%S+) (%d+) (%d+) (%d+) (.+)$')
  size = tonumber(size)
  local in_queue = count_waiting(mode, order)
  local waiting = in_queue + #arriving
  local wanted = math.min(tonumber(most), math.floor(waiting / size))
  if wanted == 0 then return {0, waiting, 0} end
  local possible = placeable(wanted)
  if possible == 0 then return {0, waiting, 1} end
  local line = order == 'fifo' and 'order:' .. mode or nil
  ensure_sets({'loading', 'unplaced', 'queue:' .. mode, line})

  local drawn = draw_both(mode, order, in_queue, arriving, possible * size)
  local formed = math.floor(#drawn / size)
  local outcome = {formed, waiting - formed * size, possible < wanted and 1 or 0}
  for i = 1, formed do
    form(stem .. '-' .. i, mode, size, drawn, (i - 1) * size + 1, now + tonumber(timeout), teams)
  end
  for i, p in ipairs(drawn) do
    if i > formed * size then enter_queue(p) else outcome[#outcome + 1] = now - math.floor(tonumber(p.since) / 1000) end
  end
  return outcome
end
