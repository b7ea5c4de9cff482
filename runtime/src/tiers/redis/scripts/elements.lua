-- ARGV[1]: how many at most; ARGV[2]: how many bytes at most.
return {'ok', fitting(tonumber(ARGV[1]), tonumber(ARGV[2]))}
