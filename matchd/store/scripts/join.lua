#!lua flags=allow-oom
-- A node takes its place among the nodes, at every connect; one that was given up is told so for ever.
--
-- ARGV[3..]  the names of the game modes it serves
-- Reply: {'fenced'} or {'joined', now}; an error where another application's keys are in the way
-- Keys: writes nodes, modes, undrawn; reads order:{mode}, fenced:{node}, and the types of all sets

if redis.call('EXISTS', P .. 'fenced:' .. node) == 1 then return {'fenced'} end
local sets = {unpack(SETS)}
for i = 3, #ARGV do
  sets[#sets + 1] = 'queue:' .. ARGV[i]
  sets[#sets + 1] = 'order:' .. ARGV[i]
end
for _, name in ipairs(sets) do
  local kind = redis.call('TYPE', P .. name).ok
  if kind ~= 'none' and kind ~= 'set' and kind ~= 'zset' then
    return redis.error_reply('FOREIGN the key ' .. P .. name .. ' is a ' .. kind .. ' and not of matchd: set a key_prefix')
  end
end
redis.call('ZADD', P .. 'nodes', now, node)
serve(3)
for i = 3, #ARGV do -- it may draw what nobody else would, or in a mode that has become smaller
  local head = redis.call('ZRANGE', P .. 'order:' .. ARGV[i], 0, 0, 'WITHSCORES')
  if head[2] or redis.call('EXISTS', P .. 'queue:' .. ARGV[i]) == 1 then
    redis.call('ZADD', P .. 'undrawn', head[2] or string.format('%.0f', now_us), ARGV[i])
  end
end
return {'joined', now}
