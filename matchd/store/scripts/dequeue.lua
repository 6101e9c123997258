#!lua flags=allow-oom
-- A player wants out of the queue.
--
-- ARGV[3..4]  player id, connection
-- Reply: seq of the answer, or 0 where he is in no queue or another connection speaks for him
-- Keys: writes player:{id}, queue:{mode}, order:{mode}, players:{node}, tally; publishes notifications:{id}

local refusal = guard()
if refusal then return refusal end
local p = player(ARGV[3])
if p.state ~= 'queued' or p.conn ~= ARGV[4] then return 0 end
ensure_player(p)
quit_queue(p)
finish(p, 'left')
tell(p, '{"type":"dequeued"')
count('left')
return commit(p.seq)
