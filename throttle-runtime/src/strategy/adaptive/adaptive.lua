-- The step of adaptive/mod.rs. The load is 0 for the client's own use, or else 1 if it is low and 2 if it is high.
local threshold, factor, recovery, min, load = struct.unpack('>I8I8I8I8I8', arguments, 25)
local next_end = now - now % period + period
local level, used, was_loaded, age, window_end = 1000, 0, false, 1, next_end
local last_end, last_level = ends - first % 1024 * period, 1000 - math.floor(first / 2048)
if ends > now and last_end >= 0 and last_level >= 0 and last_end - next_end <= period then
  level, used, was_loaded = last_level, second, math.floor(first / 1024) % 2 == 1
  age = math.max(math.floor((next_end - last_end) / period), 0)
  window_end = math.max(last_end, next_end)
end
local function adjusted(level, is_loaded)
  if is_loaded then
    return math.max(math.floor(level * factor / 1000), min)
  end
  return math.min(level + recovery, 1000)
end
local function recovered(level, windows)
  return math.min(level + recovery * windows, 1000)
end
if age > 0 then
  used = 0
  if load == 0 then
    level = recovered(adjusted(level, was_loaded), age - 1)
  else
    level = adjusted(recovered(level, age - 1), load == 2)
  end
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
local next_level = load == 0 and adjusted(level, was_loaded) or level
local idle = math.ceil((1000 - next_level) / recovery)
local high = (1000 - level) * 2048 + (was_loaded and 1024 or 0) + idle
return true, store(window_end + idle * period, high, used)
end
