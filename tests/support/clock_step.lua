-- Sets the clock of Redis by ARGV[1] ms, forward or back: to scripts that is a step of the sum of clock and offset. What Redis
-- keeps for a while goes by its clock, and is gone so much earlier or later.
redis.call('INCRBY', 'clock_offset', ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left > 0 then redis.call('PEXPIRE', key, math.max(left - ARGV[1], 0)) end
end
