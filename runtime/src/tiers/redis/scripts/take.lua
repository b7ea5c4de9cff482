-- ARGV[7]: how many at most; ARGV[8]: how many bytes at most; ARGV[9]: '1' if the taker waits for a change when there is
-- none.
local answer = recall() or refusal()
if answer then
  return answer
end
if redis.call('LLEN', pre .. 'a') == 0 then
  if ARGV[9] == '1' then
    redis.pcall('SET', pre .. 'i', '1', 'PX', 60000)
  end
  return decline({'empty'})
end
local elements = fitting(tonumber(ARGV[7]), tonumber(ARGV[8]))
if #elements == 0 then
  return decline({'ok', elements})
end
redis.call('LTRIM', pre .. 'a', #elements, -1)
return remember({'ok', elements})
