#!lua flags=allow-oom
-- A node and the store compare what they know of the node's players, and put right what differs.
--
-- Where the record is ahead, messages were missed: they are answered. Where it is behind or gone, the store
-- has forgotten (an empty restart, a failover that lost writes): the player gets his place back.
--
-- Of a match that was found just before an empty restart some players may have heard and others not. So the nodes
-- say what they remember, also for players who have gone on to play, before a loading session is given up.
--
-- ARGV[3..]  ten fields a player: id, connection, place (asking, queued, loading, matched, remembered, none), mode,
--            order, since (0: the answer that said it was lost), session, last seq sent (-1: not even an answer is
--            awaited yet), `match_found` without its closing brace and team, team (empty: not known)
-- Reply: for each {'ok'}, {'level'} (he was sent all that there is), {'superseded'}, {'later'} (ask again),
--        {'missed', message...}, or, to one who is asking or does not know since when he waits,
--        {'accepted', since, mode, order, message...}
-- Keys: writes what players and sessions hold; publishes notifications:{id}, node:{node}

local refusal = guard()
if refusal then return refusal end
local STRIDE = 10

local function missed(p, seq, reply)
  excuse(p) -- he may have been told too late that he has to load
  local n = tonumber(p.kept_from)
  for body in string.gmatch(p.told, '[^\n]+') do
    if n > seq then reply[#reply + 1] = numbered(body, n) end
    n = n + 1
  end
  return reply
end

-- A node that never heard the answer to a `resume` does not know the mode.
local function same_mode(p, mine) return mine.mode == '' or p.mode == mine.mode end

local function agrees(p, mine)
  if mine.place == 'none' then return not is_under_way(p) end
  if is_under_way(p) and not same_mode(p, mine) then return false end
  if mine.place == 'loading' then
    return p.state == 'loading' and p.session == mine.session
  end
  return p.state == mine.place
end

-- He is elsewhere by now: what the record has him in goes on, or falls through, without him.
local function pull_out(p, mine)
  if p.state == 'queued' then quit_queue(p) end
  local s = p.session ~= '' and loading_session(p.session)
  -- an allocation is of his match, if it is not known which that was
  if s and (s.state == 'loading' or mine.session ~= '' or mine.place ~= 'matched') then
    cancel(s, 'player_left', function(member) return member.id == p.id end)
  end
end

-- He has a match, whatever the record has him in.
local function end_what_he_is_in(p, mine)
  pull_out(p, mine)
  if not is_under_way(p) then return end
  finish(p, 'matched')
  count('matched')
end

local function keep_match(p, mine, match)
  p.state, p.node, p.conn, p.mode, p.order, p.since, p.match =
    'matched', node, mine.conn, mine.mode, mine.order, mine.since, match
  lifetimes[p.id] = KEPT_MS
  put(p)
  zadd('matched', now + KEPT_MS, p.id)
end

-- He is matched and was told so, whatever the record says.
local function restore_match(p, mine)
  local s = p.session ~= '' and loading_session(p.session)
  if s and s.id == mine.session then
    settle(s, mine.match)
    end_nowhere(s.id)
  else
    end_what_he_is_in(p, mine)
    keep_match(p, mine, mine.match .. (mine.team ~= '' and ',"team":' .. mine.team or ''))
    know_match(mine.session, mine.match)
  end
  number_from(p, mine.seq)
end

-- He was matched and has gone on to play: whatever he does now counts, but the others may not have heard.
local function remember_match(p, mine)
  local s = mine.session ~= '' and loading_session(mine.session)
  if s then
    settle(s, mine.match)
    end_nowhere(s.id)
  elseif p.state == '' and mine.session ~= '' then
    mine.conn = ''
    restore_match(p, mine)
  else
    know_match(mine.session, mine.match)
  end
end

-- He waits or loads, and the record is gone or tells of an earlier life: he gets his place in the queue back.
local function restore_place(p, mine)
  ensure_sets({'queue:' .. mine.mode, 'order:' .. mine.mode})
  if is_under_way(p) then
    pull_out(p, mine)
    finish(p, 'left')
    count('left')
  end
  local since = mine.since == '0' and string.format('%.0f', now_us) or mine.since
  begin(p, mine.mode, mine.order, since, mine.conn, mine.seq)
  enter_queue(p)
  list_mode(p.mode)
  count('accepted')
  if mine.place == 'loading' then tell_requeued(p, 'allocation_failed') end
end

-- He loads for a session that is forgotten. True when it is known what became of it: a match, or nothing.
local function told_what_became_of_it(p, mine)
  local match = ask('GET', 'match:' .. mine.session)
  if match then
    end_what_he_is_in(p, mine)
    renumber(p, mine.seq)
    keep_match(p, mine, is_matched_in(p, mine.session) and p.match or string.sub(match, 1, -2))
    tell(p, p.match)
    return true
  end
  redis.call('SET', P .. 'forgotten:' .. mine.session, now, 'PX', KEPT_MS, 'NX')
  if is_undecided(mine.session) then return false end
  renumber(p, mine.seq)
  restore_place(p, mine)
  return true
end

-- He is under way by the record, but not where he was told: the record counts, and he is told.
local function tell_what_counts(p, mine)
  number_from(p, mine.seq)
  if mine.place == 'loading' then tell_requeued(p, 'allocation_failed') end
  if p.state ~= 'queued' then tell_start_loading(p) end
end

local function put_right(p, mine)
  if mine.place == 'matched' then
    restore_match(p, mine)
  elseif mine.place == 'none' then
    depart(p, 0)
  elseif is_under_way(p) and same_mode(p, mine) then
    tell_what_counts(p, mine)
  elseif mine.mode ~= '' then
    restore_place(p, mine)
  end
end

-- The record of the life he lives now is lost, and a node that was away has given back one from before.
local function tells_of_an_earlier_life(p, mine)
  local here, there = tonumber(mine.since) or 0, tonumber(p.since) or 0
  return mine.mode ~= '' and there > 0 and here > there
end

-- He asked on this connection, and was told that it was in vain. It speaks for nobody, and knows of no order: if it did
-- before, it has heard of that life what there was to hear. Where it heard more than the newer one was told, that was
-- before the store came back empty.
local function asked_in_vain(p, mine)
  if mine.place ~= 'none' or mine.since ~= '0' then return false end
  if p.conn == mine.conn then return mine.seq < 0 and not is_under_way(p) end
  if mine.seq < 0 then return true end
  local knows_more = mine.seq > p.seq
  return p.conn == '' and not knows_more or p.conn ~= '' and knows_more
end

-- Another connection, or none, speaks for him by the record. Is that the newer one? The later life knows, else who was
-- told more: also where it is not known since when he waits.
local function is_superseded(p, mine)
  local here, there = tonumber(mine.since) or 0, tonumber(p.since) or 0
  if here ~= there and here ~= 0 then return here < there end
  return p.conn ~= '' and p.seq >= mine.seq
end

-- Who never heard the answer to his question does not know since when he waits either.
local function answer(p, mine, word)
  if mine.since ~= '0' or mine.place == 'none' then return {word} end
  return {'accepted', p.since, p.mode, p.order}
end

local function compare(mine)
  local p = player(mine.id)
  ensure_player(p)
  if mine.place == 'asking' then
    if p.conn ~= mine.conn then return {'level'} end
    local heard = is_under_way(p) or p.state == 'matched' -- else the record is of a life that is over: he waits anew
    local knows = not heard and mine.mode ~= '' and mine or p
    local word = {'accepted', heard and p.since or '0', knows.mode, knows.order}
    if mine.seq >= 0 then return missed(p, mine.seq, word) end
    return heard and missed(p, p.answer - 1, word) or {'ok'}
  end
  if mine.place == 'remembered' then
    remember_match(p, mine)
    return {'ok'}
  end
  local earlier = tells_of_an_earlier_life(p, mine)
  if (p.state == '' or earlier) and mine.place == 'loading' and mine.mode ~= '' then
    return {told_what_became_of_it(p, mine) and 'ok' or 'later'}
  end
  if earlier then renumber(p, mine.seq) end
  if p.state == '' then
    local over = mine.place == 'none' or (mine.place == 'matched' and mine.session == '')
    if not over then put_right(p, mine) end
    return {'ok'}
  end
  if asked_in_vain(p, mine) then return {'level'} end
  if p.conn ~= mine.conn then
    if is_superseded(p, mine) then return {'superseded'} end
    take_over(p, mine.conn)
  end
  if p.seq > mine.seq then return missed(p, mine.seq, answer(p, mine, 'missed')) end
  local behind = p.seq < mine.seq
  if earlier and mine.place == 'queued' then
    restore_place(p, mine)
  elseif agrees(p, mine) and not earlier then
    number_from(p, mine.seq)
  else
    put_right(p, mine)
  end
  return answer(p, mine, p.seq == mine.seq and not behind and 'level' or 'ok')
end

local reply = {}
for i = 3, #ARGV, STRIDE do
  reply[#reply + 1] = compare({
    id = ARGV[i], conn = ARGV[i + 1], place = ARGV[i + 2], mode = ARGV[i + 3], order = ARGV[i + 4],
    since = ARGV[i + 5], session = ARGV[i + 6], seq = tonumber(ARGV[i + 7]), match = ARGV[i + 8], team = ARGV[i + 9],
  })
  commit()
end
return reply
