local limit, period, cost = struct.unpack('>I8I8I8', arguments)
return function(state, now)
