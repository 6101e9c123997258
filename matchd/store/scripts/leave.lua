#!lua flags=allow-oom
-- A connection is gone. A queued player leaves, a loading one's session is cancelled; with a grace he keeps his place.
--
-- ARGV[3..6]  player id, connection, grace (ms), 1 if its client hung up: not the service, nor is this told late
-- ARGV[7..8]  the window (ms) and the waits of the cooldown, see is_to_blame()
-- Reply: the sessions cancelled by it, as `mode reason`
-- Keys: writes player:{id}, queue:{mode}, order:{mode}, players:{node}, away, modes, tally, dodges:{id}, cooldown:{id}, and what
--       a cancelled session holds

local refusal = guard()
if refusal then return refusal end
local p = player(ARGV[3])
if p.conn == ARGV[4] then
  ensure_player(p)
  local grace, sid, hung_up = tonumber(ARGV[5]), p.session, ARGV[6] == '1'
  local failed = hung_up and grace == 0 and is_to_blame(p, ARGV[8])
  if grace > 0 and not hung_up then excuse(p) end
  depart(p, grace)
  if failed then blame(p.id, sid, tonumber(ARGV[7]), ARGV[8]) end
end
return commit(cancelled)
