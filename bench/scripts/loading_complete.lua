#!lua
-- The least of loading: both players of each session come in one run, and take a slot on the only server.
-- Arguments as those of matchd/store/scripts/loading_complete.lua.
local call, pack, unpacked = redis.call, struct.pack, struct.unpack
local time, node = call('TIME'), ARGV[1]
if not call('ZSCORE', 'nodes', node) then return redis.error_reply('FENCED') end
local moment = tostring(time[1] * 1000)

local ids, records = {}, {}
for i = 3, #ARGV, 4 do
  ids[#ids + 1], records[#records + 1] = ARGV[i], 'player:' .. ARGV[i]
end
local texts = call('MGET', unpack(records))

local answers, half, over, scored = {}, {}, {}, {}
for n, id in ipairs(ids) do
  local _, _, mode, _, _, sid = unpacked('ssssss', texts[n])
  local key = 'loading:' .. sid
  call('HGET', key, id)
  if not half[sid] then
    half[sid] = {id, unpacked('ssssssssssss', call('HGET', key, ':session'))}
    answers[n] = {'waiting'}
  else
    local other, _, _, size, roster, teams, created, deadline = unpack(half[sid])
    call('HSET', key, ':session', pack('ssssssssssss', 'allocating', mode, size, roster, teams, created, deadline, '2',
      node, 'one', '10.0.0.1:7000', ''), other, 'ready', id, 'ready')
    answers[n] = {'complete', sid, mode, 'one', '10.0.0.1:7000', other, id}
    over[#over + 1] = sid
    scored[#scored + 1] = moment
    scored[#scored + 1] = sid
  end
end
call('ZREM', 'loading', unpack(over))
call('ZADD', 'allocating', unpack(scored))
call('SADD', 'allocations:' .. node, unpack(over))
call('ZADD', 'reserved:one', unpack(scored))
call('SREM', 'unplaced', unpack(over))
call('HMGET', 'dedicated_server:one', 'capacity', 'running', 'fixed')
call('HSET', 'dedicated_server:one', 'sessions', #over, 'status', 'idle', 'counted', 0)
return answers
