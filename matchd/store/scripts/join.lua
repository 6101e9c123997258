#!lua flags=allow-oom
-- A node takes its place among the nodes, at every connect; one that was given up is told so for ever.
--
-- ARGV[3..]  the names of the game modes it serves
-- Reply: {'fenced'} or {'joined', now, the time as this server's clock and the offset tell it, the offset, 1 if that is
--        unsure}; an error where another application's keys are in the way
-- Keys: writes nodes, modes; reads fenced:{node}, and the types of all sets

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
local kind = redis.call('TYPE', P .. 'clock_offset').ok
if kind ~= 'none' and (kind ~= 'string' or not tonumber(kept[1])) then
  return redis.error_reply('FOREIGN the key ' .. P .. 'clock_offset is not of matchd: set a key_prefix')
end
redis.call('ZADD', P .. 'nodes', now, node)
serve({unpack(ARGV, 3)})
return {'joined', now, told, offset, is_unsure(SURE_MS) and 1 or 0}
