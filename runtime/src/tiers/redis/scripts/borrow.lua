-- For the write ARGV[1], whose parts end after ARGV[2] milliseconds: then of each part that will be a whole chunk, the
-- chunk and the part. Which of them have memory now that they may write into. One that is there already stays: this may come
-- late, from a connection that was given up.
local answer = {'ok'}
for n = 3, #ARGV, 2 do
  local spare, part = pre .. 'f' .. ARGV[n], pre .. 's' .. ARGV[1] .. ':' .. ARGV[n + 1]
  if chunk and redis.call('STRLEN', spare) == chunk and redis.call('RENAMENX', spare, part) == 1 then
    redis.call('PEXPIRE', part, ARGV[2])
    answer[#answer + 1] = ARGV[n + 1]
  end
end
return answer
