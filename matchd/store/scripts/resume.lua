#!lua flags=allow-oom
-- A player asks where he stands, most often on a new connection, which becomes his.
--
-- ARGV[3..5]  player id, connection, the last seq he was sent
-- Reply: {'accepted', seq of the answer, since, mode, order} or {'not_queued'}
-- Keys: writes player:{id}, queue:{mode}, order:{mode}, players:{node}, away; publishes notifications:{id}, node:{node}

local refusal = guard()
if refusal then return refusal end
local p = player(ARGV[3])
if not is_under_way(p) and p.state ~= 'matched' then return {'not_queued'} end
ensure_player(p)
take_over(p, ARGV[4])
number_from(p, tonumber(ARGV[5]))
tell_place(p)
return commit({'accepted', p.seq, p.since, p.mode, p.order})
