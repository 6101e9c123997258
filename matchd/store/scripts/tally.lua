#!lua flags=no-writes
-- How many players are where, across all nodes, in one moment; and how many ever came and went.
--
-- Reply: {{what, count}...}: accepted, left, timed_out, matched (since the store was empty), connected, absent,
--        away, loading_sessions, allocating_sessions, matches_kept, and `queued mode` for each mode
-- Keys: reads tally, nodes, reaping, players:{node}, modes, queue:{mode}, away, loading, allocating, matched

local reply = {}
-- What can't be counted, as another application has the key, counts as none: inspect.lua names the key.
local function counted(command, name, ...)
  local fine, found = pcall(ask, command, name, ...)
  return fine and tonumber(found) or 0
end
local function listed(command, name, ...)
  local fine, found = pcall(ask, command, name, ...)
  return fine and found or {}
end
local function say(what, n) reply[#reply + 1] = {what, n} end

for _, what in ipairs({'accepted', 'left', 'timed_out', 'matched'}) do
  say(what, counted('HGET', 'tally', what))
end
local connected = 0
for _, set in ipairs({listed('ZRANGE', 'nodes', 0, -1), listed('SMEMBERS', 'reaping')}) do
  for _, id in ipairs(set) do connected = connected + counted('SCARD', 'players:' .. id) end
end
say('connected', connected)
say('absent', counted('SCARD', 'players:'))
say('away', counted('ZCARD', 'away'))
say('loading_sessions', counted('ZCARD', 'loading'))
say('allocating_sessions', counted('ZCARD', 'allocating'))
say('matches_kept', counted('ZCOUNT', 'matched', now, '+inf'))
for _, mode in ipairs(listed('ZRANGE', 'modes', 0, -1)) do
  say('queued ' .. mode, counted('SCARD', 'queue:' .. mode))
end
return reply
