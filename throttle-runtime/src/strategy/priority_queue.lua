-- The step of priority_queue.rs, whose list has four times the time plus the priority, and the cost, of each entry, which
-- requests of one priority share that are within the same `grain` microseconds.
local limit, period, cost, priority, grain = struct.unpack('>I8I8I8I8I8', arguments)
return function(state, now)
local kept, used, youngest = {}, 0, nil
for from = 17, #state - 15, 16 do
  local word, units = struct.unpack('>I8I8', state, from)
  if word >= 2 ^ 53 or units >= 2 ^ 53 then
    return nil
  end
  local at = math.floor(word / 4)
  if at + period > now and at <= now + period and units > 0 then
    kept[#kept + 1] = { word, units }
    youngest = at
    if word % 4 >= priority then
      used = used + units
    end
  end
end
if cost > math.max(limit - used, 0) then
  return false
end
if cost > 0 then
  local own = now + -now % grain
  youngest = math.max(youngest or own, own)
  local word, of = youngest * 4 + priority, nil
  if word >= 2 ^ 53 then
    return nil
  end
  for i = #kept, 1, -1 do
    if math.floor(kept[i][1] / 4) ~= youngest then
      break
    end
    if kept[i][1] == word then
      of = kept[i]
      break
    end
  end
  if of then
    of[2] = of[2] + cost
  else
    kept[#kept + 1] = { word, cost }
  end
end
local ends = youngest and youngest + period or 0
for i, entry in ipairs(kept) do
  kept[i] = struct.pack('>I8I8', entry[1], entry[2])
end
return true, ends, struct.pack('>I8I8', ends, 0) .. table.concat(kept)
end
