-- Decides requests one after the other, each all or nothing, by the steps that `step` makes, which stands above; and
-- writes what they leave.
--
-- KEYS: where the states are, each once.
-- ARGV: the time in eight bytes, or nothing for the server's; five bytes for each limit; and each step once, as a byte
-- for the strategy, one for the seconds that the ends of its states are rounded up to, and its arguments. Of the five
-- bytes the first is 1 to take, plus 2 if the limit is the first of its request and 4 if it is the last one, or 15 if it
-- is all that and the only one about its key; then come its step in two bytes, and its key in two. If each key is that of
-- one request that takes, and all have the same step, there is only that, after the time if that is not the server's.
--
-- Answers one text: the time in eight bytes; in two bytes how many requests do not fit; of each of them a byte for why,
-- which is 1 if it has no room, 2 if a step needs larger numbers than there are, and 3 if somebody holds what it would
-- change (see `hold.lua`), and two for which it is, from 1 on; and the states as they were, followed by those that
-- limits found which an earlier request had changed. Unless all states are of two words, each of them is a text by itself.
local call, byte, pack = redis.call, string.byte, struct.pack
local arguments = #ARGV
local forced = arguments > 1 and ARGV[1] or ''
local now
if forced == '' then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
else
  now = struct.unpack('>I8', forced)
end

-- Stores a state that matters until `last`, in place of one that did until `before`. Each is kept until a multiple of
-- `span` microseconds, as all at that key, so that most of the time there is no other end to be written.
local function write(name, state, last, before, span)
  local ends = last - last % -span
  if last <= now then
    call('DEL', name)
  elseif forced ~= '' then
    call('SET', name, state, 'PX', '86400000')
  elseif ends ~= before - before % -span then
    call('SET', name, state, 'EXAT', string.format('%d', ends / 1000000))
  -- Writing in place is cheaper, and enough unless something stood behind the old state.
  elseif #state ~= 16 or call('SETRANGE', name, '0', state) ~= 16 then
    call('SET', name, state, 'KEEPTTL')
  end
end

-- Who comes alone is spared the tables.
if arguments < 3 and #KEYS == 1 then
  -- Of what is no text this is an error, which has no length, and of a list another length.
  local found = redis.pcall('GET', KEYS[1]) or '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
  if #found == 16 then
    local argument = ARGV[arguments]
    local which, seconds = byte(argument, 1, 2)
    local fits, last, state, before = step(which, string.sub(argument, 3))(found, now)
    if fits then
      write(KEYS[1], state, last, before or struct.unpack('>I8', found), seconds * 1000000)
      return pack('>I8I2', now, 0) .. found
    end
    return pack('>I8I2I1I2', now, 1, fits == nil and 2 or 1, 1) .. found
  end
end

local answer = call('MGET', unpack(KEYS))
local length, simple = #KEYS, arguments < 3
for key = 1, length do
  local state = answer[key]
  if not state then
    answer[key] = '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
  elseif #state ~= 16 then
    simple = false
  end
end

-- Nearly all requests are alike, and find states of two words.
if simple then
  local argument = ARGV[arguments]
  local which, seconds = byte(argument, 1, 2)
  local own, span = step(which, string.sub(argument, 3)), seconds * 1000000
  local number, refused = 0, ''
  for key = 1, length do
    local found = answer[key]
    local fits, last, state, before = own(found, now)
    if fits then
      write(KEYS[key], state, last, before or struct.unpack('>I8', found), span)
    else
      number, refused = number + 1, refused .. pack('>I1I2', fits == nil and 2 or 1, key)
    end
  end
  return pack('>I8I2', now, number) .. refused .. table.concat(answer)
end
local layout, first = ARGV[2], 3
if arguments < 3 then
  layout, first = '', arguments
  for key = 1, length do
    layout = layout .. pack('>I1I2I2', 15, 1, key)
  end
end

-- Which keys are held, if any is.
local held
-- The state of a key, without a hold behind it. What cannot be a state counts as nothing stored.
local function known(state, key)
  if #state > 32 and #state % 8 == 1 then
    local time = call('TIME')
    local ends, now = struct.unpack('>I8', state, #state - 16), time[1] * 1000000 + time[2]
    if ends > now and ends <= now + 1000000 then
      held = held or {}
      held[key] = true
    end
    return string.sub(state, 1, -18)
  elseif #state < 16 or #state % 8 ~= 0 then
    return '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
  end
  return state
end

local steps, spans = {}, {}
for i = first, arguments do
  local which, seconds = byte(ARGV[i], 1, 2)
  steps[i - first + 1], spans[i - first + 1] = step(which, string.sub(ARGV[i], 3)), seconds * 1000000
end
local is_wide, refused = false, {}
local function refuse(request, why)
  refused[#refused + 1] = pack('>I1I2', why, request)
end
-- The keys of states that changed, these states, until when they matter, and to what their ends are rounded up.
local count, changed, left, ends, rounded = 0, {}, {}, {}, {}
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
  local key, which = key_high * 256 + key_low, high * 256 + low
  local state = left[key]
  if state then
    length = length + 1
    answer[length] = state
  else
    state = answer[key]
    if #state ~= 16 then
      state = known(state, key)
      answer[key] = state
    end
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
    refuse(request, 3)
  end
  if fits then
    if not is_first then
      state = states[key] or state
    end
    local found, last, before = state, nil, nil
    fits, last, state, before = steps[which](found, now)
    if not fits then
      refuse(request, fits == nil and 2 or 1)
    elseif flags == 15 then
      write(KEYS[key], state, last, before or struct.unpack('>I8', found), spans[which])
    elseif flags ~= 6 then
      rounded[key] = spans[which]
      if flags == 7 then
        keep(key, state, last)
      else
        states[key], lasts[key] = state, last
        if flags == 5 then
          for key, state in pairs(states) do
            keep(key, state, lasts[key])
          end
        end
      end
    end
  end
end

for i = 1, count do
  local key = changed[i]
  write(KEYS[key], left[key], ends[key], struct.unpack('>I8', answer[key]), rounded[key])
end
local head = pack('>I8I2', now, #refused) .. table.concat(refused)
if is_wide then
  return { head, unpack(answer) }
end
return head .. table.concat(answer)
