-- The step of cost_based_token_bucket.rs. A tick here is `scale` of those there: as many as divide both what drains
-- and a token.
local limit, token, capacity, scale, cost, window, min = struct.unpack('>I8I8I8I8I8I8I8', arguments)
return function(state, now)
local ends, high, low = struct.unpack('>I8I4I4', state)
local ticks, sum, count = math.floor(high / 16), high % 16 * 2 ^ 22 + math.floor(low / 1024), low % 1024
if #state == 40 then
  ticks, sum, count = struct.unpack('>I8I8I8', state, 17)
elseif #state > 40 then
  return nil
end
if sum >= 2 ^ 52 or cost >= 2 ^ 42 then
  return nil
end
count = math.min(count, window)
local function drain()
  local share = sum == 0 and 1000 or math.floor(count * 256000 / sum)
  return limit * math.max(math.min(share, 1000), min)
end
local missing, ahead = 0, ends - now - 1
if ahead >= 0 then
  local each = drain()
  local last = math.min(ticks + 1, each * scale)
  if last % scale ~= 0 then
    -- Left by another limit.
    return nil
  end
  missing = ahead * each + last / scale
end
if ahead < 0 or missing > 2 * capacity + 1 / scale then
  missing, sum, count = 0, 0, 0
end
missing = missing + token * cost
if cost > 0 then
  if missing > capacity then
    return false
  end
  if count < window then
    sum, count = sum + cost * 256, count + 1
  else
    sum, count = sum - math.floor(sum / window) + cost * 256, window
  end
end
if missing == 0 then
  return true, 0, struct.pack('>I8I8', 0, 0)
end
local each = drain()
local whole = math.floor((missing - 1) / each)
ends, ticks = now + whole + 1, scale * (missing - whole * each) - 1
if ticks < 2 ^ 28 and sum < 2 ^ 26 then
  high, low = ticks * 16 + math.floor(sum / 2 ^ 22), sum % 2 ^ 22 * 1024 + count
  return true, ends, struct.pack('>I8I4I4', ends, high, low)
end
local most = 2 ^ 32 - 1
return true, ends, struct.pack('>I8I4I4I8I8I8', ends, most, most, ticks, sum, count)
end
