-- ARGV[1]: a key that had nothing; ARGV[2]: for how many microseconds nobody may have said that it is about to.
local clock = redis.call('TIME')
local since = redis.call('HGET', KEYS[1] .. ':t', ARGV[1])
if not since or tonumber(since) + tonumber(ARGV[2]) <= clock[1] * 1000000 + clock[2] then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[1] .. ':t', ARGV[1])
end
return {'ok'}
