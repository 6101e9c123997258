#!lua flags=allow-oom
-- A game server registers, or its heartbeat: both are the same.
--
-- ARGV[3..9]  server id, address, capacity, region, running sessions (empty: it does not say), 1 if fixed, time to live (ms)
-- ARGV[10]    1 if this is what a node remembers of it, which counts only where the store has forgotten the server
-- ARGV[11]    how many sessions it has ever made for us (empty: it does not say)
-- Reply: the slots in use
-- Keys: writes dedicated_server:{id}, servers, slots, settled:{server}

local refusal = guard()
if refusal then return refusal end
local id, running, ttl, made = ARGV[3], ARGV[7], tonumber(ARGV[9]), ARGV[11] or ''
local key = P .. 'dedicated_server:' .. id
if ask('HLEN', 'dedicated_server:' .. id) > 0 and ARGV[10] == '1' then return tonumber(redis.call('HGET', key, 'sessions')) end
ensure_sets({'servers', 'slots', 'reserved:' .. id, 'settled:' .. id})

-- How much larger one of its numbers is than at its last word.
local function rise(field, number)
  local before = redis.call('HGET', key, field)
  redis.call('HSET', key, field, number)
  return before and math.max(number - before, 0) or 0
end

redis.call('HSET', key, 'address', ARGV[4], 'capacity', ARGV[5], 'region', ARGV[6], 'fixed', ARGV[8])
if running ~= '' then
  -- What it made since its last word runs by its own word now, and is not to be counted twice. One that does not say
  -- how many it made for us is taken to run nothing else: it made as many more as run, at least.
  local more = rise('running', running)
  if made ~= '' then more = rise('made', made) end
  local popped = #redis.call('ZPOPMIN', P .. 'settled:' .. id, more) / 2
  redis.call('HINCRBY', key, 'counted', string.format('%.0f', more - popped))
  redis.call('ZREMRANGEBYSCORE', P .. 'settled:' .. id, '-inf', now - GRACE_OF_COUNT)
end
redis.call('PEXPIRE', key, ttl)
redis.call('ZADD', P .. 'servers', now + ttl, id)
local s = server(id)
recount(s)
commit()
return tonumber(redis.call('HGET', key, 'sessions'))
