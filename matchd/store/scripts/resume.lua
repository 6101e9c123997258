#!lua flags=allow-oom
-- A player asks where he stands, most often on a new connection, which becomes his.
--
-- ARGV[3..5]  player id, connection, the last seq he was sent
-- Reply: {'accepted', seq of the answer, since, mode, order}, {'not_queued'} or {'later'} (ask again)
-- Keys: writes player:{id}, queue:{mode}, order:{mode}, players:{node}, away, modes, undrawn; publishes notifications:{id}, node:{node}

local refusal = guard()
if refusal then return refusal end
local p = player(ARGV[3])
local heard = tonumber(ARGV[5])
if not is_under_way(p) and p.state ~= 'matched' then return {'not_queued'} end
-- The store has forgotten what he heard last, and was given back a match of before: comparing will tell where he is.
if p.state == 'matched' and p.seq < heard then return {'later'} end
ensure_player(p)
take_over(p, ARGV[4])
number_from(p, heard)
tell_place(p)
return commit({'accepted', p.seq, p.since, p.mode, p.order})
