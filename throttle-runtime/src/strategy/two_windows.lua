-- What two_windows.rs reads and stores.
local period, limit, cost = struct.unpack('>I8I8I8', arguments)
local function store(ends, first, second)
  if first < 2 ^ 32 and second < 2 ^ 32 then
    return ends, struct.pack('>I8I4I4', ends, first, second)
  end
  local most = 2 ^ 32 - 1
  return ends, struct.pack('>I8I4I4I8I8', ends, math.min(first, most), most, first, second)
end
return function(state, now)
local ends, first, second = struct.unpack('>I8I4I4', state)
if #state == 32 then
  first, second = struct.unpack('>I8I8', state, 17)
end
if ends >= 2 ^ 53 or first >= 2 ^ 53 or second >= 2 ^ 53 then
  return nil
end
