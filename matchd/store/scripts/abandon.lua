#!lua flags=allow-oom
-- No game server would take the session: back to the queue with everybody.
--
-- ARGV[3]  loading session id
-- Reply: the sessions cancelled by it, as `mode reason`
-- Keys: writes what a cancelled session holds

local refusal = guard()
if refusal then return refusal end
local s = loading_session(ARGV[3])
if s and s.state == 'allocating' and s.owner == node then
  cancel(s, 'allocation_failed', function() return false end)
end
return commit(cancelled)
