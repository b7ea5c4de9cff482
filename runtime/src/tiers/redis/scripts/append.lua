-- ARGV[7]: the element.
local answer = recall() or refusal()
if answer then
  return answer
end
answer = {'ok', text(redis.call('RPUSH', pre .. 'a', ARGV[7]))}
remember(answer)
tell()
return answer
