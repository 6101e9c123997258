#!lua flags=allow-oom
-- A node says that it lives, and now and then what it serves.
--
-- ARGV[3..]  the names of its game modes, or nothing while what it said last is fresh enough
-- Reply: now (ms), by which the node knows this server's clock
-- Keys: writes nodes, modes

local refusal = guard()
if refusal then return refusal end
ensure_sets({'modes'})
redis.call('ZADD', P .. 'nodes', 'XX', now, node)
serve(3)
return now
