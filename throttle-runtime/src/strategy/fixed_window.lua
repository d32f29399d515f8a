-- The step of fixed_window.rs.
local ends, used = struct.unpack('>I8I8', state)
local rest = ends - now
if rest <= 0 or rest > 2 * period + 1 then
  rest, used = period - now % period, 0
end
if used >= 2 ^ 53 then
  return nil
end
if cost > 0 and used + cost > limit then
  return false
end
return true, now + rest, struct.pack('>I8I8', now + rest, used + cost), ends
end
