-- The time and the states at KEYS.
local time = redis.call('TIME')
local answer = redis.call('MGET', unpack(KEYS))
table.insert(answer, 1, time[1] * 1000000 + time[2])
return answer
