#!lua flags=allow-oom
-- Players have loaded. Who completes a roster moves its session to allocating, and his node gets the roster, with a slot on
-- a game server if one is free.
--
-- ARGV[3..]  four a player: id, connection, loading session id (empty: his own), lease of the allocation (ms)
-- Reply: for each {'not_in_session'}, {'waiting'} or, to exactly one of a session, {'complete', session id, mode,
--        server id, address, players...}, the server being empty where none has a slot
-- Keys: writes loading:{sid}, loading, allocating, allocations:{node}, unplaced, reserved:{server}, dedicated_server:{id},
--       slots; reads player:{id}

local refusal = guard()
if refusal then return refusal end

local function allocate(s, lease, host)
  s.state, s.owner = 'allocating', node
  zrem('loading', s.id)
  zadd('allocating', now + lease, s.id)
  sadd('allocations:' .. node, s.id)
  if host then take_slot(s, host) end
  return {'complete', s.id, s.mode, s.server, s.address, unpack(words(s.roster))}
end

local loaded = {} -- by id: who has in this run

local function has_loaded(s, id) return loaded[id] or redis.call('HGET', P .. s.key, id) == 'ready' end

local function mark_as_loaded(s, id)
  loaded[id] = true
  s.ready, s.fields = s.ready + 1, s.fields or {}
  s.fields[#s.fields + 1] = id
  s.fields[#s.fields + 1] = 'ready'
  put_session(s)
end

local function complete(id, conn, sid, lease)
  local p = player(id)
  local session = p.session
  if p.conn ~= conn then return {'not_in_session'} end
  -- the same question again, because the first answer was lost
  if session == '' and is_matched_in(p, sid) then return {'waiting'} end
  if session == '' or (sid ~= '' and sid ~= session) then return {'not_in_session'} end
  local s = loading_session(session)
  if not s then return {'not_in_session'} end
  if s.state ~= 'loading' or has_loaded(s, id) then return {'waiting'} end

  local last, host = s.ready + 1 == s.size, nil
  if last then
    ensure_allocation(node)
    host = host_for(s)
  end
  mark_as_loaded(s, id)
  return last and allocate(s, tonumber(lease), host) or {'waiting'}
end

read_players(every(4))
return answer_each(4, complete)
