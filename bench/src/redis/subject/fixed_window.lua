-- A minimal fixed window. It begins with the first use.
local used = redis.call('INCR', KEYS[1])
if used == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  return { used, tonumber(ARGV[1]) }
end
return { used, redis.call('PTTL', KEYS[1]) }
