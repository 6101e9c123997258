#!lua flags=allow-oom
-- A connection is gone. A queued player leaves, a loading one's session is cancelled; with a grace he keeps his place.
--
-- ARGV[3..5]  player id, connection, grace (ms)
-- Reply: the sessions cancelled by it, as `mode reason`
-- Keys: writes player:{id}, queue:{mode}, order:{mode}, players:{node}, away, tally, and what a cancelled session holds

local refusal = guard()
if refusal then return refusal end
local p = player(ARGV[3])
if p.conn == ARGV[4] then
  ensure_player(p)
  depart(p, tonumber(ARGV[5]))
end
return cancelled
