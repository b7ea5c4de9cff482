-- Elements that were taken for somebody who was not there any more, the first one in ARGV[7].
local answer = recall()
if answer then
  return answer
end
for n = #ARGV, 7, -1 do
  redis.call('LPUSH', pre .. 'a', ARGV[n])
end
remember({'ok'})
tell()
return {'ok'}
