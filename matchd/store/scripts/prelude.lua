-- What every script begins with: the conventions, who may ask, and how that which a script changes is gathered.
--
-- KEYS[1]  the key prefix, so that a cluster can route by its hash tag; may be empty
-- ARGV[1]  the node that asks
-- ARGV[2]  the moment (ms of service time) after which the question is void; 0: never; negative: the same moment, which
--          counts only while the time is not sure, see is_unsure()
--
-- Conventions: a record is read once, as a table, and every function that changes it keeps the table true. Ids are
-- strings, moments are ms, `since` is us so that it also orders who came first.
-- A script calls guard() first, checks everything next, and commits last: nothing here is rolled back. Every call
-- of Redis costs about a microsecond, so what a script changes is gathered, and written in few calls by commit().

local P = KEYS[1]
local node, not_after = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
-- Service time is this server's clock plus an offset (ms). The offset changes when that clock was set, or when a server
-- with another clock took over, so that service time goes on: see set_clock.lua. It never goes back behind the last sweep.
local kept = redis.call('MGET', P .. 'clock_offset', P .. 'swept')
local offset, last_sweep = tonumber(kept[1]) or 0, tonumber(kept[2])
local told_us = time[1] * 1000000 + time[2] + offset * 1000
local told = math.floor(told_us / 1000)
local now = math.max(told, last_sweep or 0)
local now_us = math.max(told_us, (last_sweep or 0) * 1000)

-- the sets of which there is one each
local SETS = {'nodes', 'modes', 'reaping', 'matched', 'away', 'loading', 'allocating', 'unplaced',
  'servers', 'slots', 'resting', 'orphans', 'undrawn', 'looked_at'}
-- every key whose name is known in advance
local FIXED = {'tally', 'swept', 'calm_until', 'clock_offset', 'players:', unpack(SETS)}

local KEPT_MS = 120000     -- how long a match, and the end of a wait, can be told again
local TOMBSTONE_MS = 30000 -- how long one who left is known to have left, whatever his former nodes believe
local KEPT_MESSAGES = 8    -- how many messages a player can have missed and still get one by one
local PATIENCE_MS = 1000   -- how long the nodes have to say that a session which the store has forgotten was matched
local GRACE_OF_COUNT = 2000 -- a heartbeat this young may not count a session that is older than it
local ALWAYS_FREE = 1000000
local ORPHAN_MS = 600000   -- how long a server is asked to end a session that nobody plays
local SURE_MS = 2000       -- how long the time is sure after a sweep
local SET_BACK_MS = 1000   -- a clock that goes back by less is waited for

-- The kind of a key is known by its name, or by the part of it up to the colon. All others are sorted sets.
local IS_SET = {reaping = true, unplaced = true, ['queue:'] = true, ['players:'] = true, ['allocations:'] = true,
  ['orphan:'] = true}
local NO_SET = {tally = 'hash', ['dedicated_server:'] = 'hash', ['loading:'] = 'hash', swept = 'string',
  calm_until = 'string', clock_offset = 'string', ['player:'] = 'string', ['match:'] = 'string', ['forgotten:'] = 'string',
  ['cooldown:'] = 'string', ['fenced:'] = 'string'}

local function kind_of(name)
  local stem = string.match(name, '^[^:]*:?')
  return IS_SET[stem] and 'set' or NO_SET[stem] or 'zset'
end

-- Other applications may use this server too, and have a key by the same name.
local function foreign(name)
  local kind = redis.call('TYPE', P .. name).ok
  error(redis.error_reply('WRONGTYPE the key ' .. P .. name .. ' is a ' .. kind .. ' and not of matchd'))
end

-- Of which kind a key is that is not of matchd by its kind or, where a moment should be, by its text; else nil.
local function kind_of_foreign(name)
  local kind = redis.call('TYPE', P .. name).ok
  if kind == 'none' then return nil end
  if kind == 'string' and kind_of(name) == 'string' then return not tonumber(redis.call('GET', P .. name)) and kind or nil end
  return kind ~= kind_of(name) and kind or nil
end

local sure = {} -- by name: which keys are of the right kind, as far as this run knows

-- Calls Redis with one key. Where the key is of another kind, the error names it.
local function ask(command, name, ...)
  local reply = redis.pcall(command, P .. name, ...)
  if type(reply) ~= 'table' or not reply.err then
    sure[name] = true
    return reply
  end
  if string.find(reply.err, '^WRONGTYPE') then foreign(name) end
  error(reply)
end

-- Raises an error where one of these keys, which are sets or sorted sets, is of another kind. A script calls this
-- before it writes.
local function ensure_sets(names)
  local sets, keys = {}, {P .. 'none'} -- no such key exists, so nothing is compared: only the kinds are checked
  for _, name in ipairs(names) do
    if not sure[name] then
      if IS_SET[string.match(name, '^[^:]*:?')] then
        sets[#sets + 1], keys[#keys + 1] = name, P .. name
      else
        ask('ZCARD', name)
      end
    end
  end
  if #sets > 0 then
    local reply = redis.pcall('SINTERCARD', #keys, unpack(keys))
    if type(reply) == 'table' then
      for _, name in ipairs(sets) do ask('SCARD', name) end
      error(reply)
    end
  end
  for _, name in ipairs(sets) do sure[name] = true end
end

-- A moment that is a key of its own; 0 where it was never written.
local function moment(name)
  return tonumber(ask('GET', name) or '0') or foreign(name)
end

-- Whether this server's clock may have been set since the last sweep: it has gone back, or nobody has swept for `most` ms.
local function is_unsure(most)
  return not last_sweep or told < last_sweep - SET_BACK_MS or told - last_sweep > most
end

local function guard()
  local is_late = not_after ~= 0 and now > math.abs(not_after)
  if is_late and (not_after > 0 or is_unsure(SURE_MS)) then
    return redis.error_reply('LATE asked too long ago')
  end
  if not ask('ZSCORE', 'nodes', node) then
    return redis.error_reply('FENCED this node is not among the nodes')
  end
end

-- A node has said that it serves the modes whose names are the arguments from `first` on.
local function serve(first)
  for start = first, #ARGV, 500 do
    local entries = {}
    for i = start, math.min(start + 499, #ARGV) do
      entries[#entries + 1] = now
      entries[#entries + 1] = ARGV[i]
    end
    redis.call('ZADD', P .. 'modes', unpack(entries))
  end
end

-- A number as text: Lua takes 0.3 us to make one anew, and most are the same for all players of a run.
local text_of = setmetatable({}, {__index = function(known, number)
  known[number] = tostring(number)
  return known[number]
end})

-- The words of a text, as a list that nobody changes: most are asked for again in a run.
local lists = {}
local function words(text)
  if lists[text] then return lists[text] end
  local list = {}
  for word in string.gmatch(text, '%S+') do list[#list + 1] = word end
  lists[text] = list
  return list
end

-- what a script changes ----------------------------------------------------------------------------

-- The calls that commit() will make, with all their arguments; what is asked of a key in a row is one call.
local calls, latest = {}, {}

-- The most arguments of one call, about: Lua can't pass on more than 8,000. It is even, as some come in pairs.
local MOST = 1000

local function next_part(list, first)
  first = first + MOST
  if first <= #list then return first, math.min(first + MOST - 1, #list) end
end

-- Iterates over the parts of a list that one call can take: the first and the last place of each.
local function parts(list) return next_part, list, 1 - MOST end

local function note(command, key, member, score)
  local call = latest[key]
  if not call or call[1] ~= command or #call > MOST then
    call = {command, P .. key}
    calls[#calls + 1], latest[key] = call, call
  end
  if score then call[#call + 1] = text_of[score] end
  call[#call + 1] = member
end

local function write_places()
  for _, call in ipairs(calls) do redis.call(unpack(call)) end
  calls, latest = {}, {}
end

-- These are named for what commit() does.
local function sadd(key, member) note('SADD', key, member) end

local function srem(key, member) note('SREM', key, member) end

local function zadd(key, score, member) note('ZADD', key, member, score) end

local function zrem(key, member) note('ZREM', key, member) end

local tallied = {}
local function count(what, n) tallied[what] = (tallied[what] or 0) + (n or 1) end

-- For scripts that are asked many questions at once: the first argument of each `stride`.
local function every(stride)
  local list = {}
  for i = 3, #ARGV, stride do list[#list + 1] = ARGV[i] end
  return list
end
