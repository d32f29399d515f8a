-- Uses what decisions use, at a key of its own, which is gone afterwards.
--
-- KEYS: a name in the namespace.
--
-- Answers: for each command that failed its name and the error, one after the other.
local key, failed = KEYS[1], {}
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    failed[#failed + 1] = (...)
    failed[#failed + 1] = answer.err
    return nil
  end
  return answer
end

-- Reading a global that is not there is an error.
if not pcall(function() return struct.pack('>I8', 1) .. struct.unpack('>I8', '\0\0\0\0\0\0\0\1') end) then
  return { 'struct', 'the library is missing' }
end
local time, state = try('TIME'), '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
try('GET', key)
try('MGET', key)
try('SET', key, state, 'EXAT', time and string.format('%d', time[1] + 60) or '4102444800')
try('SETRANGE', key, '0', state)
try('SET', key, state, 'KEEPTTL')
try('DEL', key)
return failed
