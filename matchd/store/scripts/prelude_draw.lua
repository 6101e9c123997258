-- What every script goes on with, after the preludes before: matches are drawn from the queues of modes.

local LAPSE_MS = 2000 -- how long a mode keeps its turn without a node that looks at it

-- whose turn it is ---------------------------------------------------------------------------------

-- A mode in which a match is possible that is not drawn, by since when (us) the player waits who waits longest there:
-- `undrawn` has them all. While game servers are short, their slots go to the first of them. A mode of which no node has
-- said lately that it serves it has no turn. Nobody draws it, and nobody waits for it.
local function keep_turn(mode, since)
  redis.call('ZADD', P .. 'undrawn', since, mode)
  redis.call('ZADD', P .. 'looked_at', now, mode)
end

local function end_turn(mode)
  redis.call('ZREM', P .. 'undrawn', mode)
  redis.call('ZREM', P .. 'looked_at', mode)
end

local function has_turn(mode)
  local looked_at = redis.call('ZSCORE', P .. 'looked_at', mode)
  if looked_at and math.abs(now - looked_at) < LAPSE_MS then return true end
  if redis.call('EXISTS', P .. 'queue:' .. mode) == 0 then end_turn(mode) end
  return false
end

-- Since when (us) the player waits who waits longest in any other mode whose turn comes; then whether `undrawn` has any.
local function others_wait_since(mode)
  local start, page = 0, nil
  repeat
    page = redis.call('ZRANGE', P .. 'undrawn', start, start + 9, 'WITHSCORES')
    for i = 1, #page, 2 do
      if page[i] ~= mode and has_turn(page[i]) then return tonumber(page[i + 1]), true end
    end
    start = start + 10
  until #page < 20
  return nil, start > 10 or #page > 0
end

-- Since when (us) the player waits who waits longest in the mode, whose queue is written, or is about to enter it.
local function longest_wait(mode, arriving)
  local since = redis.call('ZRANGE', P .. 'order:' .. mode, 0, 0, 'WITHSCORES')[2]
  if since then return since end
  for _, p in ipairs(arriving) do
    if p.state == 'queued' then return p.since end
  end
end

-- How many matches of a mode come before the others' turn: each has somebody who waits no shorter than anybody there.
local function in_turn(mode, order, size, others_since)
  local earlier = redis.call('ZCOUNT', P .. 'order:' .. mode, '-inf', string.format('%.0f', others_since))
  return order == 'fifo' and math.ceil(earlier / size) or earlier
end

-- who is drawn -------------------------------------------------------------------------------------

-- Free slots less the sessions already on their way to one; counted no further than this draw can use.
local function placeable(wanted)
  local promised, free, start = redis.call('SCARD', P .. 'unplaced'), 0, 0
  while free < promised + wanted do
    local page = redis.call('ZREVRANGE', P .. 'slots', start, start + 49, 'WITHSCORES')
    if #page == 0 then break end
    for i = 1, #page, 2 do
      if free >= promised + wanted then break end
      if redis.call('EXISTS', P .. 'dedicated_server:' .. page[i]) == 1 then free = free + tonumber(page[i + 1]) end
    end
    start = start + 50
  end
  return math.max(0, math.min(wanted, free - promised))
end

-- Whoever has no record that says he waits here was put into the set by somebody else, and is dropped.
local function those_who_wait(mode, ids)
  local them = {}
  read_players(ids)
  for _, id in ipairs(ids) do
    local known, p = pcall(player, id)
    if known and p.state == 'queued' and p.mode == mode and p.away == '' then them[#them + 1] = p end
  end
  return them
end

local function pop_first(mode, n)
  local ids, popped = {}, n > 0 and redis.call('ZPOPMIN', P .. 'order:' .. mode, n) or {}
  for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
  if #ids > 0 then redis.call('SREM', P .. 'queue:' .. mode, unpack(ids)) end
  return those_who_wait(mode, ids)
end

local function pop_any(mode, n)
  local queue = P .. 'queue:' .. mode
  local ids = n > 0 and redis.call('SPOP', queue, n) or {}
  if #ids > 0 then redis.call('ZREM', P .. 'order:' .. mode, unpack(ids)) end
  return those_who_wait(mode, ids)
end

-- Of those who are in the set alone, the ones who wait enter the line, and the others are dropped. Returns how many wait.
local function line_up(mode)
  local queue, line = P .. 'queue:' .. mode, P .. 'order:' .. mode
  local ids, waiting = {unpack(redis.call('ZDIFF', 2, queue, line), 1, 1000)}, {}
  for _, p in ipairs(those_who_wait(mode, ids)) do
    waiting[p.id] = true
    redis.call('ZADD', line, p.since, p.id)
  end
  for _, id in ipairs(ids) do
    if not waiting[id] then redis.call('SREM', queue, id) end
  end
  return redis.call('ZCARD', line)
end

-- The line has everybody who waits: whoever is in the set alone was put there by somebody else, or by an older matchd.
local function count_waiting(mode)
  local waiting, in_line = redis.call('SCARD', P .. 'queue:' .. mode), redis.call('ZCARD', P .. 'order:' .. mode)
  return waiting > in_line and line_up(mode) or in_line
end

local function add_arriving(drawn, known, arriving, n)
  local is_drawn = {}
  for _, p in ipairs(known) do is_drawn[p.id] = true end
  for _, p in ipairs(drawn) do is_drawn[p.id] = true end
  for _, p in ipairs(arriving) do
    if #known + #drawn < n and not is_drawn[p.id] then drawn[#drawn + 1] = p end
  end
  return drawn
end

-- A match for each of `first`, filled up with `others`, and of those who are left over.
local function dealt(first, others, size)
  local list, used = {}, 0
  for _, p in ipairs(first) do
    list[#list + 1] = p
    for _ = 2, size do
      used = used + 1
      list[#list + 1] = others[used]
    end
  end
  for i = used + 1, #others do list[#list + 1] = others[i] end
  return list
end

-- The players of so many matches: those who wait, then those who arrive, of whom none is in the queue by right. Where
-- game servers are `short`, each match of a random mode has one of those who wait longest.
local function draw_both(mode, order, waiting, arriving, matches, size, short)
  local n = matches * size
  local from_queue = math.min(waiting, n)
  if order == 'fifo' then return add_arriving(pop_first(mode, from_queue), {}, arriving, n) end
  local first = pop_first(mode, short and math.min(matches, from_queue) or 0)
  return dealt(first, add_arriving(pop_any(mode, from_queue - #first), first, arriving, n), size)
end

-- matches ------------------------------------------------------------------------------------------

-- A match of the players drawn from `first` on.
local function form(sid, mode, terms, drawn, first)
  local roster, fields = {}, {}
  for i = 1, terms.size do
    local p = drawn[first + i - 1]
    roster[i] = p.id
    fields[#fields + 1] = p.id
    fields[#fields + 1] = 'loading'
    p.state, p.session = 'loading', sid
    if tell_start_loading(p) == 0 then excuse(p) end
  end
  local deadline = now + terms.timeout
  redis.call('HSET', P .. 'loading:' .. sid, ':session', session_as_text({
    state = 'loading', mode = mode, size = terms.size, roster = table.concat(roster, ' '), teams = terms.teams,
    created = now, deadline = deadline, ready = 0, owner = '', server = '', address = '', tried = '',
  }), unpack(fields))
  zadd('loading', deadline, sid)
  sadd('unplaced', sid)
end

-- How a mode is to be drawn, by these words: the stem of new session ids, most matches, their size, the loading timeout
-- (ms), and the team (0, 1, ...) of each player in drawn order.
local function terms_of(text)
  local stem, most, size, timeout, teams = string.match(text, '^(%S+) (%d+) (%d+) (%d+) (.+)$')
  return {stem = stem, most = tonumber(most), size = tonumber(size), timeout = tonumber(timeout), teams = teams, formed = 0}
end

-- The matches of the players drawn; returns the waits (ms). Whoever is left over is back in the queue.
local function form_all(mode, terms, drawn, formed)
  for i = 1, formed do
    form(terms.stem .. '-' .. terms.formed + i, mode, terms, drawn, (i - 1) * terms.size + 1)
  end
  terms.formed, terms.most = terms.formed + formed, terms.most - formed
  local waits = {}
  for i, p in ipairs(drawn) do
    if i > formed * terms.size then join_queue(p) else waits[i] = now - math.floor(tonumber(p.since) / 1000) end
  end
  write_places() -- whatever is drawn next in this run counts what was drawn here
  return waits
end

local function ensure_draw(mode)
  ensure_sets({'loading', 'unplaced', 'slots', 'undrawn', 'looked_at', 'queue:' .. mode, 'order:' .. mode})
end

-- Draws matches of a mode, from its queue, which is written, and of the players who are about to enter it: no more than
-- game servers have free slots for, and while other modes wait for slots too, only those whose turn it is.
--
-- Returns {matches, players still waiting, why not all were drawn: 1 if game servers were the limit, 2 if another mode
-- is to be drawn first, 0 if neither; waits (ms) of those drawn...}.
local function draw(mode, order, terms, arriving)
  local in_queue = count_waiting(mode)
  local waiting = in_queue + #arriving
  local wanted = math.min(terms.most, math.floor(waiting / terms.size))
  if wanted == 0 then return {0, waiting, 0} end
  ensure_draw(mode)
  local others_since, any_undrawn = others_wait_since(mode)
  local free = placeable(wanted)
  local possible = others_since and math.min(free, in_turn(mode, order, terms.size, others_since)) or free
  local limit = possible < free and 2 or free < wanted and 1 or 0

  local outcome = {0, waiting, limit}
  if possible > 0 then
    local drawn = draw_both(mode, order, in_queue, arriving, possible, terms.size, others_since or limit > 0)
    local formed = math.floor(#drawn / terms.size)
    local waits = form_all(mode, terms, drawn, formed)
    outcome = {formed, waiting - formed * terms.size, limit, unpack(waits)}
  end
  local since = outcome[2] >= terms.size and longest_wait(mode, arriving)
  if since then
    keep_turn(mode, since)
  elseif any_undrawn then
    end_turn(mode)
  end
  return outcome
end
