#!lua flags=allow-oom
-- The game server did not take the session: give the slot back, remember that it was tried, and let it rest if it is to blame.
-- Where the server may have made the session all the same, its slot stays counted until its next heartbeat,
-- and it is asked to end the session until it answers.
--
-- ARGV[3..6]  loading session id, server id, 1 if the session may exist there, 1 if the server was asked, and shall rest
-- Reply: how many servers were asked, or -1 if the session is not this node's
-- Keys: writes loading:{sid}, reserved:{server}, settled:{server}, dedicated_server:{id}, slots, resting, unplaced, orphans, orphan:{sid}

local refusal = guard()
if refusal then return refusal end
local s, server_id, uncertain = loading_session(ARGV[3]), ARGV[4], ARGV[5] == '1'
if not s or s.owner ~= node then return -1 end
local was_asked = ARGV[6] == '1'
if s.server == server_id then
  ensure_sets({'unplaced', 'resting', 'orphans', 'orphan:' .. s.id})
  local failing = server(server_id)
  s.tried = s.tried .. (was_asked and ' ' or ' -') .. s.address
  sadd('unplaced', s.id)
  if failing and was_asked and failing.resting <= now then -- what was asked before it rests is no further failure
    local rest = now + rest_after(failing.failures)
    failing.resting, failing.failures = rest, failing.failures + 1
    redis.call('HSET', failing.key, 'resting', rest, 'failures', failing.failures)
    redis.call('ZADD', P .. 'resting', rest, server_id)
  end
  if uncertain then disown(s) else give_back(s.id, server_id, false) end
  s.server, s.address = '', ''
  put_session(s)
end
local asked = 0
for _, address in ipairs(words(s.tried)) do asked = asked + (string.sub(address, 1, 1) ~= '-' and 1 or 0) end
return commit(asked)
