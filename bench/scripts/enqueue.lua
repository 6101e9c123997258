#!lua
-- The least of enqueueing and drawing: players of whom nothing is known come in pairs, to an empty queue with no order.
-- Arguments as those of matchd/store/scripts/enqueue.lua.
local call, pack = redis.call, struct.pack
local time, node = call('TIME'), ARGV[1]
if not call('ZSCORE', 'nodes', node) then return redis.error_reply('FENCED') end
local now_us = time[1] * 1000000 + time[2]
local deadline = tostring(time[1] * 1000 + 60000)
local mode, stem = ARGV[5], string.match(ARGV[9], '^%S+')

local ids, conns, records, cooldowns = {}, {}, {}, {}
for i = 3, #ARGV, 7 do
  local n = #ids + 1
  ids[n], conns[n], records[n], cooldowns[n] = ARGV[i], ARGV[i + 1], 'player:' .. ARGV[i], 'cooldown:' .. ARGV[i]
end
call('MGET', unpack(records))
call('MGET', unpack(cooldowns))
call('SCARD', 'queue:' .. mode)
call('ZREVRANGE', 'slots', 0, 49, 'WITHSCORES')
call('SADD', 'players:' .. node, unpack(ids))

local answers, texts, deadlines, sessions = {}, {}, {}, {}
for first = 1, #ids, 2 do
  local sid = stem .. '-' .. (first + 1) / 2
  for n = first, first + 1 do
    local id, since = ids[n], string.format('%.0f', now_us + n)
    local told = '{"type":"start_loading","loading_session_id":"' .. sid .. '"'
    call('PUBLISH', 'notifications:' .. id, '{"type":"queued","seq":1}')
    call('PUBLISH', 'notifications:' .. id, told .. ',"seq":2}')
    answers[n] = {'accepted', 1, since}
    texts[2 * n - 1] = records[n]
    texts[2 * n] = pack('sssssssssssssss', id, 'loading', mode, 'random', since, sid, node, conns[n], '', '', '', '2',
      '1', '1', '{"type":"queued"\n' .. told .. '\n')
  end
  call('HSET', 'loading:' .. sid, ':session', pack('ssssssssssss', 'loading', mode, '2',
    ids[first] .. ' ' .. ids[first + 1], '0 1', deadline, deadline, '0', '', '', '', ''),
    ids[first], 'loading', ids[first + 1], 'loading')
  deadlines[#deadlines + 1] = deadline
  deadlines[#deadlines + 1] = sid
  sessions[#sessions + 1] = sid
end
call('ZADD', 'loading', unpack(deadlines))
call('SADD', 'unplaced', unpack(sessions))
call('MSET', unpack(texts))
return answers
