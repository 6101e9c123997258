#!lua flags=allow-oom
-- A game server leaves; sessions that hold a slot there find it gone when they are settled.
--
-- ARGV[3]  server id
-- Reply: 1 if it was registered
-- Keys: deletes dedicated_server:{id}, settled:{server}; writes servers, slots, resting

local refusal = guard()
if refusal then return refusal end
ensure_sets({'servers', 'slots', 'resting', 'settled:' .. ARGV[3]})
local known = ask('HLEN', 'dedicated_server:' .. ARGV[3]) > 0 and 1 or 0
forget_servers({ARGV[3]})
return known
