#!lua flags=allow-oom
-- A node takes its place among the nodes, at every connect; one that was given up is told so for ever.
--
-- ARGV[3..]  the names of the game modes it serves
-- Reply: {'fenced'} or {'joined', now, the time as this server's clock and the offset tell it, the offset, 1 if that is
--        unsure}; an error where another application's keys are in the way
-- Keys: writes nodes, modes, undrawn; reads order:{mode}, fenced:{node}, and the kind of each key that it can name

if redis.call('EXISTS', P .. 'fenced:' .. node) == 1 then return {'fenced'} end
local names, modes = {'players:' .. node, 'allocations:' .. node, unpack(FIXED)}, every(1)
for _, mode in ipairs(modes) do
  names[#names + 1] = 'queue:' .. mode
  names[#names + 1] = 'order:' .. mode
end
for _, name in ipairs(names) do
  local kind = kind_of_foreign(name)
  if kind then
    return redis.error_reply('FOREIGN the key ' .. P .. name .. ' is a ' .. kind .. ' and not of matchd: set a key_prefix')
  end
end
ensure_sets(SETS) -- by the command of all other scripts, which a user may not be allowed
redis.call('ZADD', P .. 'nodes', now, node)
serve(3)
for i = 3, #ARGV do -- it may draw what nobody else would, or in a mode that has become smaller
  local head = redis.call('ZRANGE', P .. 'order:' .. ARGV[i], 0, 0, 'WITHSCORES')
  if head[2] or redis.call('EXISTS', P .. 'queue:' .. ARGV[i]) == 1 then
    redis.call('ZADD', P .. 'undrawn', head[2] or string.format('%.0f', now_us), ARGV[i])
  end
end
return {'joined', now, told, offset, is_unsure(SURE_MS) and 1 or 0}
