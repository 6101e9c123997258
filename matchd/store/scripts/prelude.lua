-- What every script begins with: the conventions, who may ask, and how that which a script changes is gathered.
--
-- KEYS[1]  the key prefix, so that a cluster can route by its hash tag; may be empty
-- ARGV[1]  the node that asks
-- ARGV[2]  the moment (ms, by this server's clock) after which the question is void; 0: never
--
-- Conventions: a record is read once, as a table, and every function that changes it keeps the table true. Ids are strings, moments are ms, `since` is us so that it also orders who came first.
-- A script calls guard() first, checks everything next, and commits last: nothing here is rolled back. Every call
-- of Redis costs about a microsecond, so what a script changes is gathered, and written in few calls by commit().

local P = KEYS[1]
local node, not_after = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local now_us = time[1] * 1000000 + time[2]

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

local function guard()
  if not_after > 0 and now > not_after then
    return redis.error_reply('LATE asked too long ago')
  end
  if not redis.call('ZSCORE', P .. 'nodes', node) then
    return redis.error_reply('FENCED this node is not among the nodes')
  end
end

local function serve(modes)
  for _, mode in ipairs(modes) do redis.call('ZADD', P .. 'modes', now, mode) end
end

local function words(text)
  local list = {}
  for word in string.gmatch(text or '', '%S+') do list[#list + 1] = word end
  return list
end

-- what a script changes ----------------------------------------------------------------------------

-- What commit() will write: by key and member, the last word counts. These are named for what they do in the end.
local sets, sorted_sets, hashes, tallied = {}, {}, {}, {}

local function note(changes, key, member, what)
  if not changes[key] then changes[key] = {} end
  changes[key][member] = what
end

local function sadd(key, member) note(sets, key, member, true) end

local function srem(key, member) note(sets, key, member, false) end

local function zadd(key, score, member) note(sorted_sets, key, member, score) end

local function zrem(key, member) note(sorted_sets, key, member, false) end

local function hset(key, field, value) note(hashes, key, field, value) end

local function count(what, n) tallied[what] = (tallied[what] or 0) + (n or 1) end

-- For scripts that are asked many questions at once: the first argument of each `stride`.
local function every(stride)
  local list = {}
  for i = 3, #ARGV, stride do list[#list + 1] = ARGV[i] end
  return list
end
