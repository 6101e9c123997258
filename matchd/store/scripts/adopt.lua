#!lua flags=no-writes
-- What a node has to allocate: its sessions that wait for a game server, with their rosters.
--
-- Reply: {{session id, mode, players...}...}
-- Keys: reads allocations:{node}, loading:{sid}

local refusal = guard()
if refusal then return refusal end
local reply = {}
for _, sid in ipairs(ask('SMEMBERS', 'allocations:' .. node)) do
  local s = loading_session(sid)
  if s then reply[#reply + 1] = {sid, s.mode, unpack(words(s.roster))} end
end
return reply
