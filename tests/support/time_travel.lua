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

-- A record of so many fields, of which some are moments: by their places, how much is taken off.
local function shifted(record, count, moments)
  local format = string.rep('s', count)
  local fine, fields = pcall(function() return {struct.unpack(format, record)} end)
  if not fine then return record end
  for place, by in pairs(moments) do
    if fields[place] ~= '' then fields[place] = string.format('%.0f', fields[place] - by) end
  end
  return struct.pack(format, unpack(fields, 1, count))
end

local function shift_player(key) -- since, away
  redis.call('SET', key, shifted(redis.call('GET', key), 15, {[5] = ms * 1000, [9] = ms}), 'KEEPTTL')
end

local function shift_session(key) -- created, deadline
  redis.call('HSET', key, ':session', shifted(redis.call('HGET', key, ':session'), 12, {[6] = ms, [7] = ms}))
end

for _, key in ipairs({'nodes', 'loading', 'allocating', 'away', 'servers', 'resting', 'orphans', 'matched', 'modes', 'looked_at'}) do
  shift_scores(key)
end
for _, key in ipairs({'swept', 'calm_until'}) do
  local value = redis.call('GET', key)
  if value then redis.call('SET', key, string.format('%.0f', value - ms)) end
end
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  if string.find(key, '^player:') and kind == 'string' then
    shift_player(key)
  elseif string.find(key, '^loading:') then
    shift_session(key)
  elseif string.find(key, '^dedicated_server:') then
    shift_fields(key, ms, 'resting')
  elseif string.find(key, '^forgotten:') then
    redis.call('SET', key, string.format('%.0f', redis.call('GET', key) - ms), 'KEEPTTL')
  elseif string.find(key, '^settled:') or string.find(key, '^reserved:') or string.find(key, '^dodges:') then
    shift_scores(key)
  elseif string.find(key, '^order:') or key == 'undrawn' then
    local all = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for i = 1, #all, 2 do redis.call('ZADD', key, string.format('%.0f', all[i + 1] - ms * 1000), all[i]) end
  end
  local left = redis.call('PTTL', key)
  if left > 0 then redis.call('PEXPIRE', key, math.max(left - ms, 0)) end
end
