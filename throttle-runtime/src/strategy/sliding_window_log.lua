-- The step of sliding_window_log.rs, whose list has the time and the cost of each request.
local limit, period, cost = struct.unpack('>I8I8I8', arguments)
return function(state, now)
local kept, used, youngest, youngest_units = {}, 0, nil, nil
for from = 17, #state - 15, 16 do
  local at, units = struct.unpack('>I8I8', state, from)
  if at >= 2 ^ 53 or units >= 2 ^ 53 then
    return nil
  end
  if at + period > now and at <= now + period and units > 0 then
    kept[#kept + 1] = string.sub(state, from, from + 15)
    used, youngest, youngest_units = used + units, at, units
  end
end
if cost > math.max(limit - used, 0) then
  return false
end
if cost > 0 then
  if youngest and youngest >= now then
    kept[#kept] = struct.pack('>I8I8', youngest, youngest_units + cost)
  else
    youngest = now
    kept[#kept + 1] = struct.pack('>I8I8', now, cost)
  end
end
local ends = youngest and youngest + period or 0
return true, ends, struct.pack('>I8I8', ends, 0) .. table.concat(kept)
end
