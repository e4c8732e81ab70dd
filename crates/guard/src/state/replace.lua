-- Puts a state in the place of all that is known of a subject. ARGV: the epoch and the last place
-- that are expected ('' and 0 for nothing), then epoch, place, tag, milliseconds, the state, and
-- the entries that the state has of one guard alone, which end at the place.
local key = KEYS[1]
local head = redis.call('HMGET', key, 'e', 'n')
if ARGV[1] == '' then
  if head[1] then return 0 end
elseif head[1] ~= ARGV[1] or head[2] ~= ARGV[2] then
  return 0
end
redis.call('DEL', key)
local alone = tonumber(ARGV[4]) - (#ARGV - 7)
redis.call('HSET', key, 'e', ARGV[3], 'b', ARGV[4], 'n', ARGV[4], 't', ARGV[5], 'c', ARGV[7])
redis.call('HSET', key, 'a', alone)
for index = 8, #ARGV do redis.call('HSET', key, alone + index - 7, ARGV[index]) end
redis.call('PEXPIRE', key, ARGV[6])
return 1
