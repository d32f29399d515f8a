-- The step of sliding_window_log.rs, whose list has the time and the cost of each entry, which requests share that are
-- within the same `grain` microseconds.
local limit, period, cost, grain = struct.unpack('>I8I8I8I8', arguments)
return function(state, now)
local unpack, first, past, pieces = struct.unpack, nil, 17, nil
local used, youngest, youngest_units = 0, nil, nil
for from = 17, #state - 15, 16 do
  local at, units = unpack('>I8I8', state, from)
  if at >= 2 ^ 53 or units >= 2 ^ 53 then
    return nil
  end
  if at + period > now and at <= now + period and units > 0 then
    -- Nearly always the entries that count are one piece of the list.
    if first and past < from then
      pieces = pieces or {}
      pieces[#pieces + 1] = string.sub(state, first, past - 1)
      first = from
    end
    first, past = first or from, from + 16
    used, youngest, youngest_units = used + units, at, units
  end
end
if cost > math.max(limit - used, 0) then
  return false
end
local kept = first and string.sub(state, first, past - 1) or ''
if pieces then
  kept = table.concat(pieces) .. kept
end
if cost > 0 then
  local own = now + -now % grain
  if youngest and youngest >= own then
    kept = string.sub(kept, 1, -17) .. struct.pack('>I8I8', youngest, youngest_units + cost)
  else
    youngest = own
    kept = kept .. struct.pack('>I8I8', own, cost)
  end
end
local ends = youngest and youngest + period or 0
return true, ends, struct.pack('>I8I8', ends, 0) .. kept
end
