-- The step of leaky_bucket_queue.rs, whose list has the time and the cost of each entry, which requests share as long as they
-- are no more than `joined` units.
local size, joined = struct.unpack('>I8I8', arguments, 41)
local first, rest, held = 17 + math.floor((#state - 16) / 16) * 16, ticks, 0
local list = first
while rest > 0 and first > 17 do
  first = first - 16
  local units = struct.unpack('>I8', state, first + 8)
  rest, held = math.max(rest - units * period, 0), held + units
end
held = held + math.ceil(rest / period)
if cost > math.max(size - held, 0) then
  return false
end
-- Of the requests ahead of all that cost more than 1 their number is enough.
local others = string.sub(state, first, list - 1)
if cost > 0 then
  local last = #others > 0 and struct.unpack('>I8', others, #others - 7) or joined
  if last + cost <= joined then
    others = string.sub(others, 1, -9) .. struct.pack('>I8', last + cost)
  else
    others = others .. struct.pack('>I8I8', now, cost)
  end
end
local skipped = 0
while skipped < #others and struct.unpack('>I8', others, skipped + 9) == 1 do
  skipped = skipped + 16
end
local words
ends, words = store(ticks + period * cost, now)
return true, ends, words .. string.sub(others, skipped + 1)
end
