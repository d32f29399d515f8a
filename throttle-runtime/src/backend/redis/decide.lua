-- Decides requests one after the other, each all or nothing, by the steps that `step` makes, which stands above; and
-- writes what they leave.
--
-- KEYS: where the states are, each once.
-- ARGV: the time in eight bytes, or nothing for the server's; four bytes for each limit, which are its step, 1 to take
-- and 2 if it is the last one of its request, and its key; and for each limit the arguments of its step.
--
-- Answers: the time; for each request '1' if all its limits fit, '0' if not, '-' if a step needs larger numbers than
-- there are; and for each limit the state that its request found.
local forced, layout = ARGV[1], ARGV[2]
local now
if forced == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = struct.unpack('>I8', forced)
end

local stored, ends = redis.call('MGET', unpack(KEYS)), {}
local rulings, answer = {}, { now, '' }
local steps = {}
-- Of the request in hand: whether it fits so far, and what it leaves.
local ruling, states, its_ends = '1', {}, {}
for i = 1, #layout / 4 do
  local which, flags, high, low = string.byte(layout, i * 4 - 3, i * 4)
  local key = high * 256 + low
  answer[i + 2] = stored[key]
  if ruling == '1' then
    local state = states[key] or stored[key]
    -- What cannot be a state counts as nothing stored.
    if not state or #state < 16 or #state % 8 ~= 0 then
      state = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
    end
    if not steps[which] then
      steps[which] = step(which)
    end
    local fits
    fits, its_ends[key], states[key] = steps[which](state, now, ARGV[i + 2])
    if not fits then
      ruling = fits == nil and '-' or '0'
    end
  end
  if flags > 1 then
    if ruling == '1' and flags == 3 then
      for key, state in pairs(states) do
        stored[key], ends[key] = state, its_ends[key]
      end
    end
    rulings[#rulings + 1] = ruling
    ruling, states, its_ends = '1', {}, {}
  end
end
answer[2] = table.concat(rulings)

for key, last in pairs(ends) do
  if last <= now then
    redis.call('DEL', KEYS[key])
  elseif forced == '' then
    redis.call('SET', KEYS[key], stored[key], 'PXAT', math.ceil(last / 1000))
  else
    redis.call('SET', KEYS[key], stored[key], 'PX', 86400000)
  end
end
return answer
