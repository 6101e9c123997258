#!lua flags=allow-oom
-- Players have loaded. Who completes a roster moves its session to allocating, and his node gets the roster.
--
-- ARGV[3..]  four a player: id, connection, loading session id (empty: his own), lease of the allocation (ms)
-- Reply: for each {'not_in_session'}, {'waiting'} or, to exactly one of a session, {'complete', session id, mode, players...}
-- Keys: writes loading:{sid}, loading, allocating, allocations:{node}, player:{id}

local refusal = guard()
if refusal then return refusal end

local function allocate(s, lease)
  redis.call('HSET', s.key, ':state', 'allocating', ':owner', node)
  redis.call('ZREM', P .. 'loading', s.id)
  redis.call('ZADD', P .. 'allocating', now + lease, s.id)
  redis.call('SADD', P .. 'allocations:' .. node, s.id)
  for _, id in ipairs(s.roster) do redis.call('HSET', P .. 'player:' .. id, 'state', 'allocating') end
  return {'complete', s.id, s.mode, unpack(s.roster)}
end

-- His match is found already: this is the same question again, because the first answer was lost.
local function has_played_it(id, sid)
  local match = redis.call('HGET', P .. 'player:' .. id, 'match') or ''
  return sid ~= '' and string.find(match, '"loading_session_id":"' .. sid .. '"', 1, true)
end

local function complete(id, conn, sid, lease)
  local mine = redis.call('HMGET', P .. 'player:' .. id, 'session', 'conn')
  local session = mine[1] or ''
  if mine[2] ~= conn then return {'not_in_session'} end
  if session == '' and has_played_it(id, sid) then return {'waiting'} end
  if session == '' or (sid ~= '' and sid ~= session) then return {'not_in_session'} end
  local key = P .. 'loading:' .. session
  local is = redis.call('HMGET', key, ':state', id, ':ready', ':size')
  if not is[1] then return {'not_in_session'} end
  if is[1] ~= 'loading' or is[2] == 'ready' then return {'waiting'} end

  local ready = is[3] + 1
  local s = ready == tonumber(is[4]) and loading_session(session)
  if s then
    ensure_sets({'loading', 'allocating', 'allocations:' .. node})
    for _, member in ipairs(s.roster) do redis.call('HGET', P .. 'player:' .. member, 'state') end
  end
  redis.call('HSET', key, id, 'ready', ':ready', ready)
  return s and allocate(s, tonumber(lease)) or {'waiting'}
end

return answer_each(4, complete)
