-- Lets ARGV[1] ms pass: service time goes on, and what Redis keeps for a while is kept for less.
redis.call('INCRBY', 'clock_offset', ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left > 0 then redis.call('PEXPIRE', key, math.max(left - ARGV[1], 0)) end
end
