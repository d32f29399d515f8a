-- The step of adaptive/mod.rs, where the load is the client's own use.
local threshold, factor, recovery, min = struct.unpack('>I8I8I8I8', arguments, 25)
local next_end = now - now % period + period
local level, used, was_loaded, age, window_end = 1000, 0, false, 1, next_end
local last_end, last_level = ends - first % 1024 * period, 1000 - math.floor(first / 2048)
if ends > now and last_end >= 0 and last_level >= 0 and last_end - next_end <= period then
  level, used, was_loaded = last_level, second, math.floor(first / 1024) % 2 == 1
  age = math.max(math.floor((next_end - last_end) / period), 0)
  window_end = math.max(last_end, next_end)
end
local function after(level, was_loaded, idle)
  if was_loaded then
    level = math.max(math.floor(level * factor / 1000), min)
  else
    level = math.min(level + recovery, 1000)
  end
  return math.min(level + recovery * idle, 1000)
end
if age > 0 then
  level, used = after(level, was_loaded, age - 1), 0
end
local rest = limit % 1000
local units = math.max((limit - rest) / 1000 * level + math.floor(rest * level / 1000), 1)
if cost > math.max(units - used, 0) then
  return false
end
if cost == 0 then
  return true, ends, state
end
used = used + cost
was_loaded = used * 1000 > units * threshold
local idle = math.ceil((1000 - after(level, was_loaded, 0)) / recovery)
local high = (1000 - level) * 2048 + (was_loaded and 1024 or 0) + idle
return true, store(window_end + idle * period, high, used)
