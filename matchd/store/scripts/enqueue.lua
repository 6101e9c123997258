#!lua
-- Players ask for a mode: each enters its queue or, while under way in it, is told where he stands.
--
-- ARGV[3..]  six a player: id, connection, mode, order (fifo or random), the last seq he was sent, 1 if cooldowns count
-- Reply: for each {'accepted', seq of the answer, since, waiting}, {'already_queued', mode he is under way in, its order,
--        1 if by this connection} or {'cooldown', how long he has to wait (ms)}
-- Keys: writes player:{id}, queue:{mode}, order:{mode}, players:{node}, away, matched, tally;
--       publishes notifications:{id}, node:{node}

local refusal = guard()
if refusal then return refusal end
local accepted, waiting, cooling = 0, {}, {}

local function read_cooldowns(ids)
  local keys = {}
  for i, id in ipairs(ids) do keys[i] = P .. 'cooldown:' .. id end
  for i, wait in ipairs(redis.call('MGET', unpack(keys))) do cooling[ids[i]] = wait end
end

local function enqueue(id, conn, mode, order, seq, cooldowns)
  local p = player(id)
  if is_under_way(p) and p.mode ~= mode then return {'already_queued', p.mode, p.order, p.conn == conn and 1 or 0} end
  if cooldowns == '1' and cooling[id] and not is_under_way(p) then
    local wait = redis.call('PTTL', P .. 'cooldown:' .. id)
    if wait > 0 then return {'cooldown', wait} end
  end
  p.mode = mode
  ensure_player(p)

  take_over(p, conn)
  if is_under_way(p) then
    number_from(p, tonumber(seq))
    tell_place(p)
    return {'accepted', p.seq, p.since, 0}
  end
  -- who came first in this run also waits longer
  begin(p, mode, order, string.format('%.0f', now_us + accepted), conn, tonumber(seq))
  tell_queued(p)
  accepted = accepted + 1
  count('accepted')
  waiting[mode] = (waiting[mode] or redis.call('SCARD', P .. 'queue:' .. mode)) + 1
  return {'accepted', p.seq, p.since, waiting[mode]}
end

local ids = every(6)
read_players(ids)
read_cooldowns(ids)
return answer_each(6, enqueue)
