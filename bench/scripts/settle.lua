#!lua
-- The least of settling: matches of two that this node allocates, whose players are all there.
-- Arguments as those of matchd/store/scripts/settle.lua.
local call, pack, unpacked = redis.call, struct.pack, struct.unpack
local time, node = call('TIME'), ARGV[1]
if not call('ZSCORE', 'nodes', node) then return redis.error_reply('FENCED') end
local until_then = tostring(time[1] * 1000 + 120000)

local answers, over, gone, kept = {}, {}, {}, {}
call('HMGET', 'dedicated_server:one', 'capacity', 'running', 'fixed')
for i = 3, #ARGV, 4 do
  local sid, match = ARGV[i], ARGV[i + 2]
  local _, _, _, roster = unpacked('ssss', call('HGET', 'loading:' .. sid, ':session'))
  local one, other = string.match(roster, '^(%S+) (%S+)$')
  for team, text in ipairs(call('MGET', 'player:' .. one, 'player:' .. other)) do
    local id, _, mode, order, since, _, _, conn, _, _, _, _, answer, from, told = unpacked('sssssssssssssss', text)
    local body = match .. ',"team":' .. team - 1
    call('PUBLISH', 'notifications:' .. id, body .. ',"seq":3}')
    call('SET', 'player:' .. id, pack('sssssssssssssss', id, 'matched', mode, order, since, '', node, conn, '', '', body,
      '3', answer, from, told .. body .. '\n'), 'PX', '120000')
    gone[#gone + 1] = id
    kept[#kept + 1] = until_then
    kept[#kept + 1] = id
  end
  call('SET', 'match:' .. sid, match .. '}', 'PX', '120000')
  call('DEL', 'loading:' .. sid)
  over[#over + 1] = sid
  answers[#answers + 1] = 'matched'
end
call('ZADD', 'matched', unpack(kept))
call('SREM', 'players:' .. node, unpack(gone))
call('ZREM', 'allocating', unpack(over))
call('SREM', 'allocations:' .. node, unpack(over))
call('ZREM', 'reserved:one', unpack(over))
call('HSET', 'dedicated_server:one', 'sessions', 0, 'status', 'idle', 'counted', 0)
call('HINCRBY', 'tally', 'matched', #gone)
return answers
