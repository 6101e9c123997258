#!lua flags=allow-oom
-- A node says how far this server's clock is off service time, after a sweep or join found the time unsure.
--
-- Nobody has swept for a while, or the clock went back: it was set, a server with another clock took over, the store was
-- emptied, or nobody could sweep. The node knows which, by its own clock and by what it was told before. Where nobody knows,
-- time goes on from the last sweep at the earliest. A word about another offset than the present one comes too late.
--
-- ARGV[3..5]  the offset that the node was told, what is to be added to it (ms; empty: the node does not know), node
--             timeout (ms; 0: the next sweep is to find that the time is unsure)
-- Reply: now (ms)
-- Keys: writes clock_offset, swept, calm_until, nodes, modes

local refusal = guard()
if refusal then return refusal end
local by, timeout = tonumber(ARGV[4]), tonumber(ARGV[5])
if offset ~= tonumber(ARGV[3]) or not is_unsure(timeout > 0 and timeout / 2 or SURE_MS) then return now end
ensure_sets({'nodes', 'modes'})
for _, name in ipairs({'clock_offset', 'swept', 'calm_until'}) do moment(name) end -- it raises where that is another's

by = by or math.max((last_sweep or told) - told, 0)
local moment = told + by
if by ~= 0 then redis.call('SET', P .. 'clock_offset', text_of[offset + by]) end
if timeout > 0 then
  redis.call('SET', P .. 'swept', moment)
  redis.call('SET', P .. 'calm_until', moment + timeout)
elseif not last_sweep then
  redis.call('SET', P .. 'swept', moment - SURE_MS - 1) -- an emptied store knows from now on how late it is at least
end
-- Who joined before that was entered by a clock that was ahead.
for _, key in ipairs({P .. 'nodes', P .. 'modes'}) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. moment, '+inf')) do redis.call('ZADD', key, moment, id) end
end
return moment
