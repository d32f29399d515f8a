-- The step of backlog.rs.
ticks = ticks + period * cost
if ticks > capacity and cost > 0 then
  return false
end
return true, store(ticks, now)
end
