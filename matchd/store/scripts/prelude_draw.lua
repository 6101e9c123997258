-- What every script goes on with, after the preludes before: matches are drawn from the queues of modes.

local MOST_DRAWN = 200 -- players drawn by one run over all modes, about; what else is possible the next draw brings

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

-- The players with these ids. One without a record that says so was put into the set by somebody else, and is dropped.
local function those_who_wait(mode, ids)
  local them = {}
  read_players(ids)
  for _, id in ipairs(ids) do
    local known, p = pcall(player, id)
    if known and p.state == 'queued' and p.mode == mode and p.away == '' then them[#them + 1] = p end
  end
  return them
end

-- Takes so many out of the queue: those who wait longest, or anybody.
local function pop(mode, n, by_time)
  if n == 0 then return {} end
  local queue, line, ids = P .. 'queue:' .. mode, P .. 'order:' .. mode, {}
  if by_time then
    local popped = redis.call('ZPOPMIN', line, n)
    for i = 1, #popped, 2 do ids[#ids + 1] = popped[i] end
  else
    ids = redis.call('SPOP', queue, n)
  end
  if #ids == 0 then return ids end
  local command, key = by_time and 'SREM' or 'ZREM', by_time and queue or line
  for first, last in parts(ids) do redis.call(command, key, unpack(ids, first, last)) end
  local them = those_who_wait(mode, ids)
  for _, p in ipairs(them) do p.popped = true end
  return them
end

-- So many players: those who wait, then those who arrive. None of the latter is in the queue by right.
local function draw_both(mode, waiting, arriving, n, by_time)
  local drawn = pop(mode, math.min(waiting, n), by_time)
  for _, p in ipairs(arriving) do
    if #drawn < n and not p.popped then drawn[#drawn + 1] = p end
  end
  return drawn
end

-- What a draw needs where not all can be drawn. Every function costs every run of a script: so these are made where they
-- are called for, and not else.
--
-- A mode in which a match is possible that is not drawn stands in `undrawn`, by since when (us) the player waits who waits
-- longest there. While game servers are short, their slots go to the first of these modes. A mode of which no node has
-- said lately, by drawing it, that it serves it has no turn: nobody draws it, and nobody waits for it.
local function turns()
  local LAPSE_MS = 2000 -- how long a mode keeps its turn without a node that draws it
  local turn = {}

  function turn.keep(mode, since)
    redis.call('ZADD', P .. 'undrawn', since, mode)
    redis.call('ZADD', P .. 'looked_at', now, mode)
  end

  function turn.over(mode)
    redis.call('ZREM', P .. 'undrawn', mode)
    redis.call('ZREM', P .. 'looked_at', mode)
  end

  local function comes(mode)
    local looked_at = redis.call('ZSCORE', P .. 'looked_at', mode)
    if looked_at and math.abs(now - looked_at) < LAPSE_MS then return true end
    if redis.call('EXISTS', P .. 'queue:' .. mode) == 0 then turn.over(mode) end
  end

  -- Since when (us) the player waits who waits longest in any other mode whose turn comes.
  function turn.others_since(mode)
    local start, page = 0, nil
    repeat
      page = redis.call('ZRANGE', P .. 'undrawn', start, start + 9, 'WITHSCORES')
      for i = 1, #page, 2 do
        if page[i] ~= mode and comes(page[i]) then return tonumber(page[i + 1]) end
      end
      start = start + 10
    until #page < 20
  end

  -- Since when (us) the player waits who waits longest in the mode, whose queue is written, or is about to enter it.
  function turn.since(mode, arriving)
    local since = redis.call('ZRANGE', P .. 'order:' .. mode, 0, 0, 'WITHSCORES')[2]
    if since then return since end
    for _, p in ipairs(arriving) do
      if p.state == 'queued' then return p.since end
    end
  end

  -- How many matches come before the others' turn: each has somebody who waits no shorter than anybody there.
  function turn.matches_before(others_since, mode, order, size)
    local earlier = redis.call('ZCOUNT', P .. 'order:' .. mode, '-inf', string.format('%.0f', others_since))
    return order == 'fifo' and math.ceil(earlier / size) or earlier
  end

  -- The players of so many matches of a random mode, in each of them one of those who wait longest.
  function turn.draw_both(mode, waiting, arriving, matches, size)
    local first, list, used = pop(mode, math.min(matches, waiting), true), {}, 0
    local others = draw_both(mode, waiting - #first, arriving, matches * size - #first, false)
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

  return turn
end

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

local function ensure_draw(mode)
  ensure_sets({'loading', 'unplaced', 'slots', 'undrawn', 'looked_at', 'queue:' .. mode, 'order:' .. mode})
end

-- Forms matches of the players drawn, and adds them to the outcome. Players who are left over are in the queue again.
local function form_all(outcome, mode, terms, drawn)
  local formed = math.floor(#drawn / terms.size)
  for i = 1, formed do
    form(terms.stem .. '-' .. terms.formed + i, mode, terms, drawn, (i - 1) * terms.size + 1)
  end
  terms.formed, terms.most = terms.formed + formed, terms.most - formed
  outcome[1], outcome[2] = formed, outcome[2] - formed * terms.size
  for i, p in ipairs(drawn) do
    if i > formed * terms.size then join_queue(p) else outcome[#outcome + 1] = now - math.floor(tonumber(p.since) / 1000) end
  end
  write_places() -- whatever is drawn next in this run counts what was drawn here
end

-- Draws matches of a mode, from its queue, which is written, and of the players who are about to enter it: no more than
-- game servers have free slots for, and while other modes wait for slots too, only those whose turn it is.
--
-- Returns {matches, players still waiting, why not all were drawn: 1 if game servers were the limit, 2 if another mode
-- is to be drawn first, 0 if neither; waits (ms) of those drawn...}.
local function draw(mode, order, terms, arriving)
  local in_queue = redis.call('ZCARD', P .. 'order:' .. mode)
  local waiting = in_queue + #arriving
  local wanted = math.min(terms.most, math.floor(waiting / terms.size))
  if wanted == 0 then return {0, waiting, 0} end
  ensure_draw(mode)
  local turn = redis.call('EXISTS', P .. 'undrawn') == 1 and turns()
  local others_since = turn and turn.others_since(mode)
  local free = placeable(wanted)
  local possible = others_since and math.min(free, turn.matches_before(others_since, mode, order, terms.size)) or free
  local outcome = {0, waiting, possible < free and 2 or free < wanted and 1 or 0}

  if possible > 0 then
    local drawn
    if order == 'fifo' or not (others_since or free < wanted) then
      drawn = draw_both(mode, in_queue, arriving, possible * terms.size, order == 'fifo')
    else
      turn = turn or turns()
      drawn = turn.draw_both(mode, in_queue, arriving, possible, terms.size)
    end
    form_all(outcome, mode, terms, drawn)
  end
  if outcome[2] >= terms.size then turn = turn or turns() end
  local since = outcome[2] >= terms.size and turn.since(mode, arriving)
  if since then
    turn.keep(mode, since)
  elseif turn then
    turn.over(mode)
  end
  return outcome
end
