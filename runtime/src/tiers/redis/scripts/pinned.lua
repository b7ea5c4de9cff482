-- ARGV[1]: the pin; then of each part its chunk, and its first and last byte in it.
local ends = redis.call('HGET', pre .. 'p', ARGV[1])
if not ends or tonumber(ends) <= now then
  return {'gone'}
end
local answer = {'ok'}
for n = 2, #ARGV, 3 do
  local key = pre .. 'k' .. ARGV[1] .. ':' .. ARGV[n]
  if redis.call('EXISTS', key) == 0 then
    key = pre .. 'c' .. ARGV[n]
  end
  answer[#answer + 1] = redis.call('GETRANGE', key, ARGV[n + 1], ARGV[n + 2])
end
return answer
