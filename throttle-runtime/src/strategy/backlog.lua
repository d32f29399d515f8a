-- What backlog.rs reads and stores. A tick here is `scale` of those there: as many as divide both the limit and the
-- period.
local limit, period, capacity, scale, cost = struct.unpack('>I8I8I8I8I8', arguments)
local function store(ticks, now)
  if ticks == 0 then
    return 0, struct.pack('>I8I8', 0, 0)
  end
  local rest = (ticks - 1) % limit
  local ends = now + (ticks - 1 - rest) / limit + 1
  return ends, struct.pack('>I8I8', ends, scale * (rest + 1) - 1)
end
return function(state, now)
local ends, word = struct.unpack('>I8I8', state)
local ticks, ahead = 0, ends - now
if ahead > 0 then
  local last = word + 1
  if last > limit * scale then
    last = limit * scale
  end
  if last % scale ~= 0 then
    -- Left by another limit.
    return nil
  end
  ticks = (ahead - 1) * limit + last / scale
  if ticks > 2 * capacity + 1 / scale then
    ticks = 0
  end
end
