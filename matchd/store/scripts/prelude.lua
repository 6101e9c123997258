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
  'servers', 'slots', 'resting', 'orphans'}

local KEPT_MS = 120000     -- how long a match, and the end of a wait, can be told again
local TOMBSTONE_MS = 30000 -- how long one who left is known to have left, whatever his former nodes believe
local KEPT_MESSAGES = 8    -- how many messages a player can have missed and still get one by one
local PATIENCE_MS = 1000   -- how long the nodes have to say that a session which the store has forgotten was matched
local GRACE_OF_COUNT = 2000 -- a heartbeat this young may not count a session that is older than it
local ALWAYS_FREE = 1000000
local ORPHAN_MS = 600000   -- how long a server is asked to end a session that nobody plays
local SURE_MS = 2000       -- how long the time is sure after a sweep
local SET_BACK_MS = 1000   -- a clock that goes back by less is waited for

-- Others may use this server too, so what should be sets may not be. Whoever is about to write makes sure of
-- it first: this raises where one of these keys is anything else.
local sure = {}
local function ensure_sets(names)
  local keys = {P .. 'none'} -- never there, so that nothing is compared: all that counts is the types
  for _, name in ipairs(names) do
    if not sure[name] then keys[#keys + 1] = P .. name end
  end
  if #keys == 1 then return end
  redis.call('ZINTERCARD', #keys, unpack(keys))
  for _, name in ipairs(names) do sure[name] = true end
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
  if not redis.call('ZSCORE', P .. 'nodes', node) then
    return redis.error_reply('FENCED this node is not among the nodes')
  end
end

local function serve(modes)
  for _, mode in ipairs(modes) do redis.call('ZADD', P .. 'modes', now, mode) end
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

local function note(command, key, member, score)
  local call = latest[key]
  if not call or call[1] ~= command then
    call = {command, P .. key}
    calls[#calls + 1], latest[key] = call, call
  end
  if score then call[#call + 1] = text_of[score] end
  call[#call + 1] = member
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
