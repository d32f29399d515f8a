-- The step of a calendar's windows. The arguments are the limit, the cost, and where windows end, in milliseconds.
local limit, cost, b0, b1, b2, b3 = struct.unpack('>I8I8I8I8I8I8', arguments)
local borders = {b0 * 1000, b1 * 1000, b2 * 1000, b3 * 1000}
return function(state, now)
local at = 1
while at < 4 and borders[at] <= now do
  at = at + 1
end
-- Windows of times that nobody has thought of, or whose neighbour is not known.
if at == 1 or at == 4 then
  return nil
end
local ends, used = struct.unpack('>I8I8', state)
if ends <= now or ends > borders[at + 1] then
  ends, used = borders[at], 0
end
if used >= 2 ^ 53 then
  return nil
end
if cost > 0 and used + cost > limit then
  return false
end
return true, ends, struct.pack('>I8I8', ends, used + cost)
end
