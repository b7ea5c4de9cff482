local answer = recall() or refusal()
if answer then
  return answer
end
if redis.call('UNLINK', pre .. 'a') == 0 then
  return decline({'ok'})
end
return remember({'ok'})
