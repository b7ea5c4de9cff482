-- The token is the one to be given up.
local answer = recall()
if answer then
  return answer
end
answer = {'fenced'}
for _, mode in ipairs({'w', 'r'}) do
  local holder = mode .. ARGV[5] .. '.' .. ARGV[6]
  local ends = redis.call('HGET', pre .. 'l', holder)
  if ends then
    redis.call('HDEL', pre .. 'l', holder)
    if tonumber(ends) > now then
      answer = remember({'ok'})
    end
    tell()
  end
end
return answer[1] == 'fenced' and decline(answer) or answer
