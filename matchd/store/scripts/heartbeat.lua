#!lua flags=allow-oom
-- A node says that it lives.
--
-- Reply: now (ms), by which the node knows this server's clock
-- Keys: writes nodes

local refusal = guard()
if refusal then return refusal end
redis.call('ZADD', P .. 'nodes', 'XX', now, node)
return now
