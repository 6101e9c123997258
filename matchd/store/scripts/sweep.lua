#!lua flags=allow-oom
-- Whatever is overdue, and whoever is dead: one bounded portion of what has to be put right, by any node.
--
-- After a gap in the sweeping (this server was away, or every node was) nobody is judged for a while:
-- those who were silent may only have been cut off like everybody else.
--
-- ARGV[3..7]  node timeout (ms), grace for players of dead nodes (ms), lease of an allocation (ms), portion, orphan retry (ms)
-- ARGV[8..9]  the window (ms) and the waits of the cooldown, see is_to_blame()
-- Reply: {1 if there is more, allocations taken over, {`mode reason`...} cancelled, {orphan...} to be ended}
-- Keys: writes swept, calm_until, nodes, reaping, fenced:{node}, players:{node}, allocations:{node}, loading, allocating,
--       away, servers, slots, resting, orphans, matched, modes, dodges:{id}, cooldown:{id}, and what players and sessions hold

local refusal = guard()
if refusal then return refusal end
ensure_sets(SETS)
local timeout, grace, lease, portion = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local window, waits = tonumber(ARGV[8]), ARGV[9]
local done, adopted = 0, 0
local UNSERVED_MS = 60000 -- how long players wait in a mode that no node serves
local MODE_MS = 7200000 -- how long such a mode is known: longer than anybody can be under way in it

local function overdue(key, moment)
  return redis.call('ZRANGEBYSCORE', P .. key, '-inf', moment, 'LIMIT', 0, math.max(portion - done, 0))
end

-- Where a step fails because a key is not what it should be, the others are put right all the same.
-- A step may return how many players it moved.
local function each(ids, step)
  for _, id in ipairs(ids) do
    if done >= portion then return end
    local fine, outcome = pcall(step, id)
    commit()
    if not fine then redis.log(redis.LOG_WARNING, 'matchd can not put right ' .. id .. ': ' .. (outcome.err or outcome)) end
    done = done + (fine and outcome or 1)
  end
end

local function calm()
  local last, calm_until = moment('swept'), moment('calm_until')
  redis.call('SET', P .. 'swept', now)
  if now - last > timeout / 2 then
    calm_until = now + timeout
    redis.call('SET', P .. 'calm_until', calm_until)
  end
  return now < calm_until
end

local function fence_the_dead()
  for _, dead in ipairs(overdue('nodes', now - timeout)) do
    if dead ~= node then
      ask('SET', 'fenced:' .. dead, 1, 'EX', 86400, 'GET') -- with GET it overwrites no key of another kind
      redis.call('ZREM', P .. 'nodes', dead)
      redis.call('SADD', P .. 'reaping', dead)
    end
  end
end

local function take_allocation(s)
  ensure_sets({'allocations:' .. s.owner, 'allocations:' .. node})
  srem('allocations:' .. s.owner, s.id)
  sadd('allocations:' .. node, s.id)
  s.owner = node
  put_session(s)
  zadd('allocating', now + lease, s.id)
  adopted = adopted + 1
end

-- Takes each of some members of a set out of it, whether or not its step fails; the others have to wait for the next portion.
local function take_some(name, step)
  ensure_sets({name})
  each(redis.call('SRANDMEMBER', P .. name, math.max(portion - done, 0)), function(id)
    redis.call('SREM', P .. name, id)
    return step(id)
  end)
end

local function reap(dead)
  take_some('allocations:' .. dead, function(sid)
    local s = loading_session(sid)
    if s then take_allocation(s) end
  end)
  take_some('players:' .. dead, function(id)
    local p = player(id)
    ensure_player(p)
    if is_under_way(p) and p.node == dead then
      if grace > 0 then excuse(p) end
      depart(p, grace)
    end
  end)
  if redis.call('EXISTS', P .. 'allocations:' .. dead, P .. 'players:' .. dead) == 0 then
    redis.call('SREM', P .. 'reaping', dead)
  end
  return 0
end

-- Of a node that may be dead nobody can say that he has loaded.
local function can_speak(p)
  if p.node == '' then return true end
  local heard_of = redis.call('ZSCORE', P .. 'nodes', p.node)
  return heard_of and now - heard_of <= math.min(timeout / 2, 2000)
end

-- He is told so, and out.
local function put_out(p, told, how)
  finish(p, 'left')
  tell(p, told)
  count(how)
end

local function time_out(s)
  local failed = {}
  for _, id in ipairs(words(s.roster)) do
    local p = player(id)
    failed[id] = can_speak(p) and is_to_blame(p, waits)
  end
  cancel(s, 'loading_timeout', function(p)
    if redis.call('HGET', P .. s.key, p.id) == 'ready' then return false end
    local wait = failed[p.id] and blame(p.id, s.id, window, waits) or 0
    local told = '{"type":"error","code":"loading_timeout","message":"you did not finish loading in time"'
      .. (wait > 0 and ',"retry_after_s":' .. math.ceil(wait / 1000) or '')
    put_out(p, told, 'timed_out')
    return true
  end)
  return s.size
end

local function end_overdue_loading()
  each(overdue('loading', now), function(sid)
    local s = loading_session(sid)
    if s then return time_out(s) end
    redis.call('ZREM', P .. 'loading', sid)
  end)
end

local function take_overdue_allocations()
  each(overdue('allocating', now), function(sid)
    local s = loading_session(sid)
    if s then take_allocation(s) else redis.call('ZREM', P .. 'allocating', sid) end
  end)
end

local function end_absences()
  each(overdue('away', now), function(id)
    local p = player(id)
    ensure_player(p)
    local sid, failed = p.session, is_to_blame(p, waits)
    redis.call('ZREM', P .. 'away', id)
    if p.away ~= '' then
      not_away(p)
      depart(p, 0)
      if failed then blame(id, sid, window, waits) end
    end
  end)
end

local function wake_rested_servers()
  each(overdue('resting', now), function(id)
    local s = server(id)
    redis.call('ZREM', P .. 'resting', id)
    if s then recount(s) end
  end)
end

local function orphans_due()
  local due = {}
  each(overdue('orphans', now), function(orphan)
    local sid, address = unpack(words(orphan))
    if redis.call('SISMEMBER', P .. 'orphan:' .. sid, address) == 1 then
      redis.call('ZADD', P .. 'orphans', now + tonumber(ARGV[7]), orphan)
      due[#due + 1] = orphan
    else
      redis.call('ZREM', P .. 'orphans', orphan)
    end
  end)
  return due
end

-- Nobody draws where no node serves the mode.
local function close_queue(mode)
  local queue, line = 'queue:' .. mode, 'order:' .. mode
  local told = '{"type":"error","code":"invalid_game_mode","message":"game_mode: ' .. mode .. ' is not played any more"'
  ensure_sets({queue, line})
  each(redis.call('SRANDMEMBER', P .. queue, math.max(portion - done, 0)), function(id)
    local p = player(id)
    ensure_player(p)
    redis.call('SREM', P .. queue, id)
    redis.call('ZREM', P .. line, id)
    if p.state == 'queued' and p.mode == mode then put_out(p, told, 'left') end
  end)
end

local function retire_modes()
  each(overdue('modes', now - UNSERVED_MS), close_queue)
  for _, mode in ipairs(overdue('modes', now - MODE_MS)) do
    if redis.call('EXISTS', P .. 'queue:' .. mode) == 0 then redis.call('ZREM', P .. 'modes', mode) end
  end
end

local is_calm = calm()
each(overdue('servers', now), forget_server)
wake_rested_servers()
redis.call('ZREMRANGEBYSCORE', P .. 'matched', '-inf', now)
if not is_calm then
  fence_the_dead()
  end_overdue_loading()
  end_absences()
  take_overdue_allocations()
  retire_modes()
end
each(redis.call('SMEMBERS', P .. 'reaping'), reap)
return {done >= portion and 1 or 0, adopted, cancelled, orphans_due()}
