-- Which window of two_windows.rs the state is of, and when the one in force begins.
local start = now - now % period
local ahead = ends - (start + 2 * period)
local is_current, is_previous = ahead >= 0 and ahead <= period, ahead == -period
if is_current then
  start = start + ahead
end
