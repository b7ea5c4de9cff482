-- Goes on with the large write ARGV[1] until ARGV[2] bytes were moved or it is done.
if pending ~= ARGV[1] then
  return {'done'}
end
return {go_on(ARGV[1], tonumber(ARGV[2]))}
