-- Holds the states at KEYS for one decision, all or none of them.
--
-- ARGV: eight bytes by which the holder knows what he holds.
--
-- Answers: the time, and what is stored from now on: the states, each with until when it is held, the eight bytes and one
-- more; or only the time if somebody else holds one of them. A hold lasts a second.
local call = redis.call
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local mark = struct.pack('>I8', now + 1000000) .. ARGV[1] .. '!'
local answer = call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  local state = answer[i] or ''
  if #state > 32 and #state % 8 == 1 then
    local ends = struct.unpack('>I8', state, #state - 16)
    -- Not of a clock that has stepped back since.
    if ends > now and ends <= now + 1000000 then
      return { now }
    end
    state = string.sub(state, 1, -18)
  end
  if #state < 16 or #state % 8 ~= 0 then
    state = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
  end
  answer[i] = state .. mark
end
for i = 1, #KEYS do
  -- A state that ended earlier would take its hold along.
  if call('PTTL', KEYS[i]) > 2000 then
    call('SET', KEYS[i], answer[i], 'KEEPTTL')
  else
    call('SET', KEYS[i], answer[i], 'PX', '2000')
  end
end
table.insert(answer, 1, now)
return answer
