#!lua
-- A node takes its place among the nodes, at every connect; one that was given up is told so for ever.
--
-- ARGV[3..]  the names of the game modes it serves
-- Reply: {'fenced'} or {'joined', now}
-- Keys: writes nodes, modes; reads fenced:{node}

if redis.call('EXISTS', P .. 'fenced:' .. node) == 1 then return {'fenced'} end
redis.call('ZADD', P .. 'nodes', now, node)
if #ARGV > 2 then redis.call('SADD', P .. 'modes', unpack(ARGV, 3)) end
return {'joined', now}
