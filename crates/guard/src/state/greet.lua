-- Notes which form states have here, and until when what may be lost is doubted.
-- KEYS: the form, the doubt. ARGV: the guard's form, its doubt in milliseconds of Unix time, for
-- how long that is kept. Returns the form that was noted before, and the doubt that holds.
local before = redis.call('SET', KEYS[1], ARGV[1], 'GET')
if before and before ~= ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
end
return { before, redis.call('GET', KEYS[2]) }
