-- Puts a state in the place of a journal's entries. ARGV: epoch, place, its tag, milliseconds to
-- keep it, the state, and how many entries stay readable beside it for guards of another past.
local key = KEYS[1]
local head = redis.call('HMGET', key, 'e', 'b', 'n', 'a')
local base, last, place = tonumber(head[2]), tonumber(head[3]), tonumber(ARGV[2])
if head[1] ~= ARGV[1] or place <= base or place > last then return 0 end
if string.sub(redis.call('HGET', key, place) or '', 1, 8) ~= ARGV[3] then return 0 end
-- Since a state was put here, whoever knows another past has seen none of what came after it.
local alone = tonumber(head[4])
if not alone or place - alone > tonumber(ARGV[6]) then
  for done = (alone or base) + 1, place do redis.call('HDEL', key, done) end
  redis.call('HDEL', key, 'a')
end
redis.call('HSET', key, 'b', place, 't', ARGV[3], 'c', ARGV[5])
if redis.call('PTTL', key) < tonumber(ARGV[4]) then redis.call('PEXPIRE', key, ARGV[4]) end
return 1
