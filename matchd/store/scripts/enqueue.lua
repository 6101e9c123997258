#!lua
-- Players ask for a mode: each enters its queue or, while under way in it, is told where he stands. Where a queue has
-- enough players by that, matches are drawn in the same run.
--
-- ARGV[3..]  seven a player: id, connection, mode, order (fifo or random), the last seq he was sent, 1 if cooldowns
--            count, the terms of a draw, see draw(), or nothing if none is wanted
-- Reply: for each {'accepted', seq of the answer, since, what the draw brought...} (as draw.lua says it, to the last of
--        its mode, if enough players wait), {'already_queued', mode he is under way in, its order, 1 if by this
--        connection} or {'cooldown', how long he has to wait (ms)}
-- Keys: writes player:{id}, queue:{mode}, order:{mode}, players:{node}, away, matched, tally, and what draw.lua does;
--       publishes notifications:{id}, node:{node}

local refusal = guard()
if refusal then return refusal end
local accepted, cooling = 0, {}
-- by mode: players who are to enter its queue, with its order, the terms of a draw, and the answer to the last of them
local arrived = {}

local function read_cooldowns(ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = P .. 'cooldown:' .. id end
  for i, wait in ipairs(redis.call('MGET', unpack(keys))) do cooling[ids[i]] = wait end
end

-- Returns the answer to him, which is still to say where he stands.
local function arrive(p, terms)
  local them = arrived[p.mode] or {order = p.order}
  arrived[p.mode] = them
  them[#them + 1] = p
  them.terms, them.answer = terms, {'accepted'}
  return them.answer
end

local function enqueue(id, conn, mode, order, seq, cooldowns, terms)
  local p = player(id)
  if is_under_way(p) and p.mode ~= mode then return {'already_queued', p.mode, p.order, p.conn == conn and 1 or 0} end
  if cooldowns == '1' and cooling[id] and not is_under_way(p) then
    local wait = redis.call('PTTL', P .. 'cooldown:' .. id)
    if wait > 0 then return {'cooldown', wait} end
  end
  p.mode = mode
  if not is_under_way(p) then p.order = order end
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

local MOST_DRAWN = 200 -- players drawn by one run over all modes, about; what else is possible the next draw brings
local drawn = 0

local function draw_from(mode, them)
  local fine, outcome = pcall(draw, mode, them.order, them.terms, them)
  if not fine or outcome[1] + outcome[3] == 0 then return end
  drawn = drawn + #outcome - 3
  for _, fact in ipairs(outcome) do them.answer[#them.answer + 1] = fact end
end

-- Whoever is not drawn enters his queue, also where the draw fails.
local function draw_all()
  write_places()
  for mode, them in pairs(arrived) do
    if them.terms ~= '' and drawn < MOST_DRAWN then draw_from(mode, them) end
    for _, p in ipairs(them) do
      if p.state == 'queued' then enter_queue(p) end
    end
  end
end

local ids = every(7)
read_players(ids)
read_cooldowns(ids)
return answer_each(7, enqueue, draw_all)
