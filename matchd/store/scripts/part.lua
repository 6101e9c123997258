#!lua flags=allow-oom
-- A node that has drained leaves the nodes; what it still held is reaped by the others.
--
-- Reply: 1
-- Keys: writes nodes, reaping

local refusal = guard()
if refusal then return refusal end
ensure_sets({'reaping'})
redis.call('ZREM', P .. 'nodes', node)
if redis.call('EXISTS', P .. 'players:' .. node, P .. 'allocations:' .. node) > 0 then
  redis.call('SADD', P .. 'reaping', node)
end
return 1
