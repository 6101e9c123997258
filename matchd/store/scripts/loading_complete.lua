#!lua flags=allow-oom
-- A player has loaded. The call that completes the roster moves the session to allocating and gets it.
--
-- ARGV[3..6]  player id, connection, loading session id (empty: his own), lease of the allocation (ms)
-- Reply: {'not_in_session'}, {'waiting'} or, to exactly one caller, {'complete', session id, mode, players...}
-- Keys: writes loading:{sid}, loading, allocating, allocations:{node}, player:{id}

local refusal = guard()
if refusal then return refusal end
local p, sid = player(ARGV[3]), ARGV[5]
if p.session == '' or p.conn ~= ARGV[4] or (sid ~= '' and sid ~= p.session) then return {'not_in_session'} end
local s = loading_session(p.session)
if not s then return {'not_in_session'} end
if s.state ~= 'loading' or redis.call('HGET', s.key, p.id) == 'ready' then return {'waiting'} end

s.owner = node
local ready = redis.call('HGET', s.key, ':ready') + 1
local all = ready == s.size and members(s)
redis.call('HSET', s.key, p.id, 'ready', ':ready', ready)
if not all then return {'waiting'} end
redis.call('HSET', s.key, ':state', 'allocating', ':owner', node)
redis.call('ZREM', P .. 'loading', s.id)
redis.call('ZADD', P .. 'allocating', now + tonumber(ARGV[6]), s.id)
redis.call('SADD', P .. 'allocations:' .. node, s.id)
for _, member in ipairs(all) do put(member, 'state', 'allocating') end
return {'complete', s.id, s.mode, unpack(s.roster)}
