local answer = recall() or refusal()
if answer then
  return answer
elseif pending then
  return {'pending', pending}
end
local list = redis.call('UNLINK', pre .. 'a')
if size then
  drop(0, count_chunks(size, chunk))
  -- The version stays a day, so that those after it are larger though the server's clock may go back.
  redis.call('HDEL', meta, 's', 'c')
  redis.call('PEXPIRE', meta, 86400000)
end
answer = {'ok', (size or list == 1) and '1' or '0'}
if answer[2] == '0' then
  return decline(answer)
end
remember(answer)
tell()
return answer
