-- ARGV[1]: w or r; ARGV[2]: the nonce. Whoever waited does not any more; was the lock given to it, it is given up. Once more
-- does no harm.
local lock = pre .. 'l'
redis.call('LREM', pre .. 'q', 1, ARGV[1] .. ARGV[2])
redis.call('HDEL', pre .. 'x', ARGV[2])
for _, holder in ipairs(redis.call('HKEYS', lock)) do
  local dot = string.find(holder, '.', 1, true)
  if dot and string.sub(holder, dot + 1) == ARGV[2] then
    redis.call('HDEL', lock, holder)
  end
end
tell()
return {'left'}
