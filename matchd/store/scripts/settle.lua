#!lua flags=allow-oom
-- Game servers have made sessions: each match is found, everybody is told, the loading session is over.
--
-- Of a session that the store has forgotten its players can still be told, unless one has heard that it fell through.
-- Else it has nobody to play it, and is to be ended where it was made: but only if it can't have been settled before,
-- by a question whose answer got lost together with what it wrote.
--
-- ARGV[3..]  four a session: loading session id, server id, the `match_found` message without its closing brace, the
--            server's address if this is the first time that it is asked, else empty
-- Reply: for each 'matched' (also when it was so before), 'server_gone' (no fresh heartbeat), 'lost' (not this node's),
--        'gone' (not known, and to be ended)
-- Keys: writes player:{id}, players:{node}, away, loading:{sid}, match:{sid}, matched, settled:{server},
--       reserved:{server}, dedicated_server:{id}, slots, allocating, allocations:{node}, tally, orphans, orphan:{sid};
--       publishes notifications:{id}

local refusal = guard()
if refusal then return refusal end

return answer_each(4, function(sid, server_id, match, address)
  local s = loading_session(sid)
  if not s and ask('GET', 'match:' .. sid) then return 'matched' end
  if not s and is_undecided(sid) and server(server_id) then
    know_match(sid, match)
    give_back(sid, server_id, true)
    return 'matched'
  end
  if not s and address ~= '' then
    ensure_sets({'orphans', 'orphan:' .. sid})
    make_orphan(sid, address)
    return 'gone'
  end
  if not s or s.state ~= 'allocating' or s.owner ~= node or s.server ~= server_id then return 'lost' end
  local host = server(server_id)
  if not host then return 'server_gone' end
  settle(s, match)
  if host.failures > 0 then
    host.failures = 0
    redis.call('HSET', host.key, 'failures', 0)
  end
  return 'matched'
end)
