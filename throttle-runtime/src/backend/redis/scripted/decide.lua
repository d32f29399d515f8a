-- Decides requests one after the other, each all or nothing, by the steps that `step` makes, which stands above; and
-- writes what they leave.
--
-- KEYS: where the states are, each once.
-- ARGV: the time in eight bytes, or nothing for the server's; five bytes for each limit; and each step once, as a byte
-- for the strategy and its arguments. Of the five bytes the first is 1 to take, plus 2 if the limit is the first of its
-- request and 4 if it is the last one, or 15 if it is all that and the only one about its key; then come its step in two
-- bytes, and its key in two.
--
-- Answers: the time; which requests do not fit, from 1 on, as negative numbers if a step needs larger ones than there
-- are, and with 65536 more if somebody holds what they would change (see `hold.lua`); and the states as they were,
-- followed by those that limits found which an earlier request had changed: one after the other in one text if all are
-- of two words, or else each by itself after an empty one.
local call, byte = redis.call, string.byte
local forced, layout = ARGV[1], ARGV[2]
local now
if forced == '' then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = struct.unpack('>I8', forced)
end

local answer = call('MGET', unpack(KEYS))
-- Which keys are held, if any is.
local held
-- The state of a key, without a hold behind it. What cannot be a state counts as nothing stored.
local function known(key)
  local state = answer[key]
  if state and #state > 32 and #state % 8 == 1 then
    local time = call('TIME')
    local ends, now = struct.unpack('>I8', state, #state - 16), time[1] * 1000000 + time[2]
    if ends > now and ends <= now + 1000000 then
      held = held or {}
      held[key] = true
    end
    return string.sub(state, 1, -18)
  elseif not state or #state < 16 or #state % 8 ~= 0 then
    return '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
  end
  return state
end

-- Stores a state that matters until `last`, in place of one that did until `before`.
local function write(name, state, last, before)
  if last <= now then
    call('DEL', name)
  elseif forced ~= '' then
    call('SET', name, state, 'PX', '86400000')
  elseif last == before or math.ceil(last / 1000000) == math.ceil(before / 1000000) then
    -- States are kept for whole seconds, so that most of the time there is no other end to be written.
    call('SET', name, state, 'KEEPTTL')
  else
    call('SET', name, state, 'EXAT', string.format('%d', math.ceil(last / 1000000)))
  end
end

local function prepared(argument)
  return step(byte(argument), string.sub(argument, 2))
end

-- Nearly all requests that come alone have one limit.
if #layout == 5 then
  local found = known(1)
  if held and byte(layout) == 15 then
    return { now, { 65537 }, #found > 16 and '' or found, found }
  end
  local fits, last, state, before = prepared(ARGV[3])(found, now)
  if not fits then
    return { now, { fits == nil and -1 or 1 }, #found > 16 and '' or found, found }
  elseif byte(layout) == 15 then
    write(KEYS[1], state, last, before or struct.unpack('>I8', found))
  end
  return { now, {}, #found > 16 and '' or found, found }
end

local steps = {}
for i = 3, #ARGV do
  steps[i - 2] = prepared(ARGV[i])
end
local length, is_wide, refused = #KEYS, false, {}
-- The keys of states that changed, these states, and until when they matter.
local count, changed, left, ends = 0, {}, {}, {}
local function keep(key, state, last)
  if not left[key] then
    count = count + 1
    changed[count] = key
  end
  left[key], ends[key] = state, last
end

-- Of the request in hand: which it is, whether it fits so far, and what it leaves.
local request, fits, states, lasts = 0, true, nil, nil
for i = 1, #layout, 5 do
  local flags, high, low, key_high, key_low = byte(layout, i, i + 4)
  local key = key_high * 256 + key_low
  local state = left[key]
  if state then
    length = length + 1
    answer[length] = state
  else
    state = known(key)
    answer[key] = state
  end
  if #state > 16 then
    is_wide = true
  end
  local is_first = flags % 4 > 1
  if is_first then
    request, fits = request + 1, true
    if flags < 4 then
      states, lasts = {}, {}
    end
  end
  if held and fits and held[key] and flags % 2 == 1 then
    fits = false
    refused[#refused + 1] = request + 65536
  end
  if fits then
    if not is_first then
      state = states[key] or state
    end
    local found, last, before = state, nil, nil
    fits, last, state, before = steps[high * 256 + low](found, now)
    if not fits then
      refused[#refused + 1] = fits == nil and -request or request
    elseif flags == 15 then
      write(KEYS[key], state, last, before or struct.unpack('>I8', found))
    elseif flags == 7 then
      keep(key, state, last)
    elseif flags < 6 then
      states[key], lasts[key] = state, last
      if flags == 5 then
        for key, state in pairs(states) do
          keep(key, state, lasts[key])
        end
      end
    end
  end
end

for i = 1, count do
  local key = changed[i]
  write(KEYS[key], left[key], ends[key], struct.unpack('>I8', answer[key]))
end
if is_wide then
  return { now, refused, '', unpack(answer) }
end
return { now, refused, table.concat(answer) }
