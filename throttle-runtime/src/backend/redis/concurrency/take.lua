-- Takes one of the places at KEYS[1], which has who is in flight by when that ends unless they say so again.
--
-- ARGV: the time, or nothing for that of the server; how many places there are; whose it is to be; and for how many
-- milliseconds the key is kept, or nothing for as long as it is needed. The names of those in flight end in a colon and
-- the microseconds that they have.
--
-- Answers: 1 if there was a place, or else 0.
local call, key, limit, name = redis.call, KEYS[1], tonumber(ARGV[2]), ARGV[3]
local now = tonumber(ARGV[1])
if not now then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
end

local function lease(of)
  return tonumber(string.match(of, ':(%d+)$')) or 0
end

-- Numbers become texts with fewer digits than they have.
local function digits(time)
  return string.format('%.0f', time)
end

local cleared = redis.pcall('ZREMRANGEBYSCORE', key, '-inf', digits(now))
if type(cleared) == 'table' and cleared.err then
  if not string.find(cleared.err, 'WRONGTYPE', 1, true) then
    return cleared
  end
  -- What cannot be ours counts as nothing.
  call('DEL', key)
end

-- Whoever has more than his lease has it from a clock that has stepped back since.
local last = now + lease(name)
local late = call('ZRANGEBYSCORE', key, '(' .. digits(last), '+inf', 'WITHSCORES')
for i = 1, #late, 2 do
  local ends = math.min(tonumber(late[i + 1]), now + lease(late[i]))
  call('ZADD', key, digits(ends), late[i])
  last = math.max(last, ends)
end

if call('ZCARD', key) >= limit then
  return 0
end
call('ZADD', key, digits(now + lease(name)), name)
call('PEXPIRE', key, ARGV[4] ~= '' and ARGV[4] or math.ceil((last - now) / 1000) + 1000)
return 1
