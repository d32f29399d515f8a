-- A minimal GCRA, by the server's clock. The state is the theoretical arrival time.
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local ahead = math.max((redis.call('GET', KEYS[1]) or now) - now, 0)
if ahead > tolerance then
  return { 0, ahead - tolerance }
end
ahead = ahead + interval
redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'PX', math.ceil(ahead / 1000))
return { 1, ahead }
