-- The step of quota_with_rollover.rs.
local percent, max = struct.unpack('>I8I8', arguments, 25)
local function carried_from(used)
  local unused = math.max(limit - used, 0)
  local rest = unused % 100
  return math.min((unused - rest) / 100 * percent + math.floor(rest * percent / 100), max)
end
local used, carried = 0, 0
if is_current then
  used, carried = first, math.min(second, carried_from(0))
elseif is_previous then
  carried = carried_from(first)
end
if cost > math.max(limit + carried - used, 0) then
  return false
end
if cost == 0 then
  return true, ends, state
end
return true, store(start + 2 * period, used + cost, carried)
end
