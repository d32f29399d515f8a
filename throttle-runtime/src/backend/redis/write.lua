-- Writes at each of KEYS, if all are still what they were.
--
-- ARGV: for each key what it was, or nothing; what it becomes, or nothing; and 'PX' or 'EXAT' with a number.
local stored = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  if (stored[i] or '') ~= ARGV[i * 4 - 3] then
    return 0
  end
end
for i = 1, #KEYS do
  if ARGV[i * 4 - 2] == '' then
    redis.call('DEL', KEYS[i])
  else
    redis.call('SET', KEYS[i], ARGV[i * 4 - 2], ARGV[i * 4 - 1], ARGV[i * 4])
  end
end
return 1
