-- What every script goes on with, after the preludes before: who fails to load, again and again, has to wait before he may enqueue.

-- What becomes of this player's loading session is not his fault: the service may have a part in it.
local function excuse(p)
  if p.state ~= 'loading' then return end
  p.excused = p.session
  put(p)
end

-- A session that loads, and was not under way while nobody swept: this server was away, or every node was.
local function loads_undisturbed(sid)
  local s = loading_session(sid)
  return s and s.state == 'loading' and s.created >= moment('calm_until')
end

-- Whether this player, who is not going to load his session, has failed by that. `waits` are the cooldowns (ms) after
-- the first, second... failure, the last one for all further ones; without any, nobody fails.
local function is_to_blame(p, waits)
  if p.state ~= 'loading' or waits == '' then return false end
  ensure_sets({'dodges:' .. p.id})
  ask('GET', 'cooldown:' .. p.id)
  return loads_undisturbed(p.session) and p.excused ~= p.session
end

-- The player failed; `window` (ms) is how long that counts. Returns how long (ms) he has to wait for it.
local function blame(id, sid, window, waits)
  local dodges, steps = P .. 'dodges:' .. id, words(waits)
  redis.call('ZREMRANGEBYSCORE', dodges, '-inf', now - window)
  redis.call('ZADD', dodges, now, sid)
  redis.call('PEXPIRE', dodges, window)
  local wait = tonumber(steps[math.min(redis.call('ZCARD', dodges), #steps)])
  if wait > 0 then redis.call('SET', P .. 'cooldown:' .. id, now + wait, 'PX', wait) end
  return wait
end
