#!lua flags=allow-oom
-- A game server registers, or its heartbeat: both are the same.
--
-- ARGV[3..9]  server id, address, capacity, region, running sessions (empty: it does not say), 1 if fixed, time to live (ms)
-- ARGV[10]    1 if this is what a node remembers of it, which counts only where the store has forgotten the server
-- Reply: the slots in use
-- Keys: writes dedicated_server:{id}, servers, slots, settled:{server}

local refusal = guard()
if refusal then return refusal end
local id, running, ttl = ARGV[3], ARGV[7], tonumber(ARGV[9])
local key = P .. 'dedicated_server:' .. id
if redis.call('HLEN', key) > 0 and ARGV[10] == '1' then return tonumber(redis.call('HGET', key, 'sessions')) end
ensure_sets({'servers', 'slots', 'resting', 'reserved:' .. id, 'settled:' .. id})
local before = redis.call('HGET', key, 'running')
redis.call('HSET', key, 'address', ARGV[4], 'capacity', ARGV[5], 'region', ARGV[6], 'fixed', ARGV[8])
if running ~= '' then
  -- As many more run as were made since its last word, at least: those are counted now, and not twice.
  local more = before and math.max(running - before, 0) or 0
  local popped = #redis.call('ZPOPMIN', P .. 'settled:' .. id, more) / 2
  redis.call('HSET', key, 'running', running)
  redis.call('HINCRBY', key, 'counted', string.format('%.0f', more - popped))
  redis.call('ZREMRANGEBYSCORE', P .. 'settled:' .. id, '-inf', now - GRACE_OF_COUNT)
end
redis.call('PEXPIRE', key, ttl)
redis.call('ZADD', P .. 'servers', now + ttl, id)
local s = server(id)
recount(s)
return tonumber(redis.call('HGET', key, 'sessions'))
