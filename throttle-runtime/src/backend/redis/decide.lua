-- Decides by `steps`, which stand above, and writes all or nothing.
--
-- KEYS: where the states are, each once.
-- ARGV: the time in eight bytes, or nothing for the server's; '1' to take; three bytes for each limit, which step
-- and which key; and for each limit the arguments of its step.
--
-- Answers: the time; 1 if all fit, 0 if not, -1 if a step needs larger numbers than there are; the states.
local forced, take, layout = ARGV[1], ARGV[2] == '1', ARGV[3]
local now
if forced == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = struct.unpack('>I8', forced)
end

local stored = redis.call('MGET', unpack(KEYS))
local answer = { now, 1 }
for i = 1, #KEYS do
  answer[i + 2] = stored[i]
end

local states, ends = {}, {}
for i = 1, #layout / 3 do
  local step, high, low = string.byte(layout, i * 3 - 2, i * 3)
  local key = high * 256 + low
  local state = states[key] or stored[key]
  -- What cannot be a state counts as nothing stored.
  if not state or #state < 16 or #state % 8 ~= 0 then
    state = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
  end
  local fits
  fits, ends[key], states[key] = steps[step](state, now, ARGV[i + 3])
  if not fits then
    answer[2] = fits == nil and -1 or 0
    return answer
  end
end

if take then
  for key, state in pairs(states) do
    if ends[key] <= now then
      redis.call('DEL', KEYS[key])
    elseif forced == '' then
      redis.call('SET', KEYS[key], state, 'PXAT', math.ceil(ends[key] / 1000))
    else
      redis.call('SET', KEYS[key], state, 'PX', 86400000)
    end
  end
end
return answer
