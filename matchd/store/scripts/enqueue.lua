#!lua
-- Players ask for a mode: each enters its queue or, while under way in it, is told where he stands. Where a queue has
-- enough players by that, matches are drawn in the same run.
--
-- ARGV[3..]  seven a player: id, connection, mode, order (fifo or random), the last seq he was sent, 1 if cooldowns
--            count, the terms of a draw, see terms_of(), or nothing if none is wanted
-- Reply: for each {'accepted', seq of the answer, since, what the draw brought...} (as draw.lua says it, to the last of
--        its mode, if enough players wait), {'already_queued', mode he is under way in, its order, 1 if by this
--        connection} or {'cooldown', how long he has to wait (ms)}
-- Keys: writes player:{id}, queue:{mode}, order:{mode}, players:{node}, away, modes, matched, tally, and what draw.lua does;
--       publishes notifications:{id}, node:{node}

local refusal = guard()
if refusal then return refusal end
local accepted, cooling = 0, {}
-- by mode: players who are to enter its queue, with its order, the terms of a draw, and the answer to the last of them
local arrived = {}
local modes = {} -- those, in the order in which the first came

local function read_cooldowns(ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = P .. 'cooldown:' .. id end
  for i, moment in ipairs(redis.call('MGET', unpack(keys))) do cooling[ids[i]] = tonumber(moment) end
end

-- Returns the answer to him, which is still to say where he stands.
local function arrive(p, terms)
  local them = arrived[p.mode]
  if not them then
    them = {order = p.order}
    arrived[p.mode], modes[#modes + 1] = them, p.mode
  end
  them[#them + 1] = p
  them.terms, them.answer = terms, {'accepted'}
  return them.answer
end

local function enqueue(id, conn, mode, order, seq, cooldowns, terms)
  local p = player(id)
  if is_under_way(p) and p.mode ~= mode then return {'already_queued', p.mode, p.order, p.conn == conn and 1 or 0} end
  if cooldowns == '1' and cooling[id] and not is_under_way(p) then
    local wait = cooling[id] - now
    if wait > 0 then return {'cooldown', wait} end
  end
  p.mode = mode
  ensure_player(p)

  local goes_on = p.conn == conn
  take_over(p, conn)
  if is_under_way(p) then
    number_from(p, tonumber(seq))
    tell_place(p)
    return {'accepted', p.seq, p.since}
  end
  -- who came first in this run also waits longer
  begin(p, mode, order, string.format('%.0f', now_us + accepted), conn, tonumber(seq), goes_on)
  accepted = accepted + 1
  count('accepted')
  local answer = arrive(p, terms)
  tell_place(p)
  answer[2], answer[3] = p.seq, p.since
  return answer
end

local drawn = 0

-- Returns whether the draw knows of those who are left over.
local function draw_from(mode, them)
  if them.terms == '' or drawn >= MOST_DRAWN then return false end
  local fine, outcome = pcall(draw, mode, them.order, terms_of(them.terms), them)
  if fine and outcome[1] + outcome[3] > 0 then
    drawn = drawn + #outcome - 3
    for _, fact in ipairs(outcome) do them.answer[#them.answer + 1] = fact end
  end
  return fine
end

-- Whoever is not drawn enters his queue, also where the draw fails.
local function draw_all()
  write_places()
  for _, mode in ipairs(modes) do
    local them = arrived[mode]
    local enter = draw_from(mode, them) and join_queue or enter_queue
    for _, p in ipairs(them) do
      if p.state == 'queued' then enter(p) end
    end
  end
end

local ids = every(7)
read_players(ids)
read_cooldowns(ids)
return answer_each(7, enqueue, draw_all)
