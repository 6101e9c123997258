#!lua flags=allow-oom
-- The game server has made the session: the match is found, everybody is told, the loading session is over.
--
-- A session that the store no longer knows has nobody to play it, and is to be ended where it was made: but only
-- if it can't have been settled before, by a question whose answer got lost together with what it wrote.
--
-- ARGV[3..6]  loading session id, server id, the `match_found` message without its closing brace, the server's
--             address if this is the first time that it is asked, else empty
-- Reply: 'matched' (also when it was so before), 'server_gone' (no fresh heartbeat), 'lost' (not this node's),
--        'gone' (not known, and to be ended)
-- Keys: writes player:{id}, players:{node}, loading:{sid}, match:{sid}, matched, settled:{server}, reserved:{server},
--       dedicated_server:{id}, slots, allocating, allocations:{node}, tally, orphans, orphan:{sid}; publishes notifications:{id}

local refusal = guard()
if refusal then return refusal end
local sid, server_id = ARGV[3], ARGV[4]
if redis.call('EXISTS', P .. 'match:' .. sid) == 1 then return 'matched' end
local s = loading_session(sid)
if not s and ARGV[6] ~= '' then
  ensure_sets({'orphans'})
  make_orphan(sid, ARGV[6])
  return 'gone'
end
if not s or s.state ~= 'allocating' or s.owner ~= node or s.server ~= server_id then return 'lost' end
local host = server(server_id)
if not host then return 'server_gone' end
redis.call('HSET', host.key, 'failures', 0)
settle(s, ARGV[5])
return 'matched'
