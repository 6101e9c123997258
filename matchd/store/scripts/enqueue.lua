#!lua
-- A player asks for a mode: he enters its queue or, while under way in it, is told where he stands.
--
-- ARGV[3..7]  player id, connection, mode, order (fifo or random), the last seq he was sent
-- Reply: {'accepted', seq of the answer, since, waiting} or {'already_queued', mode he is under way in}
-- Keys: writes player:{id}, queue:{mode}, order:{mode}, players:{node}, away, matched, tally;
--       publishes notifications:{id}, node:{node}

local refusal = guard()
if refusal then return refusal end
local conn, mode, order, seq = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local p = player(ARGV[3])
if p.under_way and p.mode ~= mode then return {'already_queued', p.mode} end
local waiting = redis.call('SCARD', P .. 'queue:' .. mode)
p.mode = mode
ensure_player(p)

take_over(p, conn)
if p.under_way then
  tell_place(p)
  return {'accepted', p.seq, p.since, 0}
end
begin(p, mode, order, now_us, conn, seq)
tell_queued(p)
return {'accepted', p.seq, p.since, waiting + 1}
