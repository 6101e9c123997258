#!lua flags=allow-oom
-- Take slots on the game servers with the most free ones, each for a session that this node allocates. A session
-- that holds a slot already, because another node began, gets that one again: the server may have been asked.
--
-- ARGV[3..]  loading session ids
-- Reply: for each {'reserved', server id, address, 1 if it was so before}, {'none'} (no slot on a server not yet tried)
--        or {'lost'} (not this node's)
-- Keys: writes loading:{sid}, reserved:{server}, dedicated_server:{id}, slots, unplaced

local refusal = guard()
if refusal then return refusal end

return answer_each(1, function(sid)
  local s = loading_session(sid)
  if not s or s.state ~= 'allocating' or s.owner ~= node then return {'lost'} end
  if s.server ~= '' then return {'reserved', s.server, s.address, 1} end
  ensure_sets({'unplaced'})
  local host = host_for(s)
  if not host then return {'none'} end
  take_slot(s, host)
  return {'reserved', s.server, s.address, 0}
end)
