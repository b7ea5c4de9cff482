-- The answer of a change has come: it need not be kept. ARGV: client, place, number.
local last = redis.call('HGET', pre .. 'o', ARGV[1] .. '.' .. ARGV[2])
if last and string.sub(last, 1, #ARGV[3] + 1) == ARGV[3] .. ' ' then
  redis.call('HSET', pre .. 'o', ARGV[1] .. '.' .. ARGV[2], ARGV[3] .. ' ' .. cmsgpack.pack({'stale'}))
end
return {'ok'}
