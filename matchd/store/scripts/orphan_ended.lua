#!lua flags=allow-oom
-- A game server has confirmed that a session nobody plays is over there, or never was.
--
-- ARGV[3]  the orphan, as it stands in `orphans`
-- Reply: 1 if it was there
-- Keys: writes orphans, orphan:{sid}

local refusal = guard()
if refusal then return refusal end
local sid, address = unpack(words(ARGV[3]))
ensure_sets({'orphans', 'orphan:' .. sid})
local known = redis.call('ZREM', P .. 'orphans', ARGV[3])
redis.call('SREM', P .. 'orphan:' .. sid, address)
return known
