-- The step of backlog.rs.
ticks = ticks + period * cost
if ticks > capacity and cost > 0 then
  return false
end
local last, left = store(ticks, now)
return true, last, left, ends
end
