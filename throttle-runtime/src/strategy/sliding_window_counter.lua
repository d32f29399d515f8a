-- The step of sliding_window_counter.rs.
local current, previous = 0, 0
if is_current then
  current, previous = math.min(first, limit), math.min(second, limit)
elseif is_previous then
  previous = math.min(first, limit)
end
-- A product of numbers below 2^50, in two words of 52 bits.
local function product(a, b)
  local half = 2 ^ 26
  local a_low, b_low = a % half, b % half
  local a_high, b_high = (a - a_low) / half, (b - b_low) / half
  local low = a_low * b_low
  local middle = a_high * b_low + a_low * b_high + math.floor(low / half)
  return a_high * b_high + math.floor(middle / half), middle % half * half + low % half
end
if cost > limit then
  return false
end
if cost > 0 then
  local room = limit - cost - current
  if room < 0 then
    return false
  end
  local overlap = math.max(period - math.max(now - start, 0), 0)
  local used_high, used_low = product(previous, overlap)
  local room_high, room_low = product(room, period)
  if used_high > room_high or (used_high == room_high and used_low > room_low) then
    return false
  end
end
return true, store(start + 2 * period, current + cost, previous)
end
