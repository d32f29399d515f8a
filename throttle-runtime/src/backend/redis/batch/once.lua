-- The step of a token: it fits once, and is then remembered until `lasts` microseconds later, with the time of the charge.
local lasts = struct.unpack('>I8', arguments)
return function(state, now)
local ends = struct.unpack('>I8', state)
if ends > now then
  return false
end
return true, now + lasts, struct.pack('>I8I8', now + lasts, now), ends
end
