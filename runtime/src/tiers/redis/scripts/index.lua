-- KEYS[1]: the index of a namespace, a sorted set of the keys that may have something; beside it, since when. ARGV[1]: a
-- key that is about to.
local clock = redis.call('TIME')
redis.call('ZADD', KEYS[1], 0, ARGV[1])
redis.call('HSET', KEYS[1] .. ':t', ARGV[1], string.format('%.0f', clock[1] * 1000000 + clock[2]))
return {'ok'}
