-- ARGV[1]: the pin; ARGV[2]: how many chunks the value had.
redis.call('HDEL', pre .. 'p', ARGV[1])
for n = 0, tonumber(ARGV[2]) - 1 do
  redis.call('UNLINK', pre .. 'k' .. ARGV[1] .. ':' .. text(n))
end
return {'ok'}
