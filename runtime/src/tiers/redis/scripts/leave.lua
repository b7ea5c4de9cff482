-- ARGV[7]: w or r; ARGV[8]: the nonce. Whoever waited does not any more; was the lock given to it, it is given up.
local lock = pre .. 'l'
redis.call('LREM', pre .. 'q', 1, ARGV[7] .. ARGV[8])
redis.call('HDEL', pre .. 'x', ARGV[8])
for _, holder in ipairs(redis.call('HKEYS', lock)) do
  local dot = string.find(holder, '.', 1, true)
  if dot and string.sub(holder, dot + 1) == ARGV[8] then
    redis.call('HDEL', lock, holder)
  end
end
tell()
return {'ok'}
