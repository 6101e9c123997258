-- Makes everything in the store older by ARGV[1] ms, which is what it is for time to pass.
local ms = tonumber(ARGV[1])

local function shift_scores(key)
  local all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do redis.call('ZADD', key, string.format('%.0f', all[i + 1] - ms), all[i]) end
end

local function shift_fields(key, by, ...)
  for _, field in ipairs({...}) do
    local value = redis.call('HGET', key, field)
    if value then redis.call('HSET', key, field, string.format('%.0f', value - by)) end
  end
end

local RECORD, SINCE, AWAY = string.rep('s', 14), 5, 9

local function shift_record(key)
  local fine, p = pcall(function() return {struct.unpack(RECORD, redis.call('GET', key))} end)
  if not fine then return end
  if p[SINCE] ~= '' then p[SINCE] = string.format('%.0f', p[SINCE] - ms * 1000) end
  if p[AWAY] ~= '' then p[AWAY] = string.format('%.0f', p[AWAY] - ms) end
  redis.call('SET', key, struct.pack(RECORD, unpack(p, 1, 14)), 'KEEPTTL')
end

for _, key in ipairs({'nodes', 'loading', 'allocating', 'away', 'servers', 'resting', 'orphans', 'matched', 'modes'}) do
  shift_scores(key)
end
for _, key in ipairs({'swept', 'calm_until'}) do
  local value = redis.call('GET', key)
  if value then redis.call('SET', key, string.format('%.0f', value - ms)) end
end
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  if string.find(key, '^player:') and kind == 'string' then
    shift_record(key)
  elseif string.find(key, '^loading:') then
    shift_fields(key, ms, ':created', ':deadline')
  elseif string.find(key, '^dedicated_server:') then
    shift_fields(key, ms, 'resting')
  elseif string.find(key, '^forgotten:') then
    redis.call('SET', key, string.format('%.0f', redis.call('GET', key) - ms), 'KEEPTTL')
  elseif string.find(key, '^settled:') or string.find(key, '^reserved:') or string.find(key, '^dodges:') then
    shift_scores(key)
  elseif string.find(key, '^order:') then
    local all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for i = 1, #all, 2 do redis.call('ZADD', key, string.format('%.0f', all[i + 1] - ms * 1000), all[i]) end
  end
  local left = redis.call('PTTL', key)
  if left > 0 then redis.call('PEXPIRE', key, math.max(left - ms, 0)) end
end
