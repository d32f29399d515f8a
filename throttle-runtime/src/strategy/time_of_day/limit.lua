-- The limit of time_of_day/mod.rs at this time: one after the other, each with the millisecond at which it ends.
local period, cost, from = struct.unpack('>I8I8I8', arguments)
return function(state, now)
local limit
for at = 25, #arguments, 16 do
  local to, here = struct.unpack('>I8I8', arguments, at)
  if now < to * 1000 then
    limit = here
    break
  end
end
if now < from * 1000 or not limit then
  return nil
end
