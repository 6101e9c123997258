#!lua flags=no-writes
-- How many players are where, across all nodes, in one moment; and how many ever came and went.
--
-- Reply: {{what, count}...}: accepted, left, timed_out, matched (since the store was empty), connected, absent,
--        away, loading_sessions, allocating_sessions, matches_kept, and `queued mode` for each mode
-- Keys: reads tally, nodes, reaping, players:{node}, modes, queue:{mode}, away, loading, allocating, matched

local reply = {}
local function say(what, n) reply[#reply + 1] = {what, tonumber(n) or 0} end

for _, what in ipairs({'accepted', 'left', 'timed_out', 'matched'}) do
  say(what, redis.call('HGET', P .. 'tally', what))
end
local connected = 0
for _, set in ipairs({redis.call('ZRANGE', P .. 'nodes', 0, -1), redis.call('SMEMBERS', P .. 'reaping')}) do
  for _, id in ipairs(set) do connected = connected + redis.call('SCARD', P .. 'players:' .. id) end
end
say('connected', connected)
say('absent', redis.call('SCARD', P .. 'players:'))
say('away', redis.call('ZCARD', P .. 'away'))
say('loading_sessions', redis.call('ZCARD', P .. 'loading'))
say('allocating_sessions', redis.call('ZCARD', P .. 'allocating'))
say('matches_kept', redis.call('ZCOUNT', P .. 'matched', now, '+inf'))
for _, mode in ipairs(redis.call('ZRANGE', P .. 'modes', 0, -1)) do
  say('queued ' .. mode, redis.call('SCARD', P .. 'queue:' .. mode))
end
return reply
