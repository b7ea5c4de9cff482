-- Some real work in all of Lua's libraries that a Faaslet has. Prints example.out,
-- as Lua on any other machine does. An argument is a folder to write a file in.

local function check(name, ...)
    print(name, ...)
end

-- Closures, varargs, goto, integer and float arithmetic.
local function counter()
    local n = 0
    return function(...) n = n + select("#", ...) return n end
end
local c = counter()
c(1, 2, 3)
check("closures", c(nil, nil), (function(...) return select(-1, ...) end)(1, 2, 3))
local steps, n = 0, 27
::again::
n = n % 2 == 0 and n // 2 or 3 * n + 1
steps = steps + 1
if n ~= 1 then goto again end
check("collatz", steps)
check("numbers", 7 // 2, -7 // 2, 7 % -3, -7 % 3, 7 / 2, 2 ^ 53, 1 << 62, math.maxinteger + 1 == math.mininteger,
    5 // 0.0, -5 % math.huge, 3 | 8 ~ 1, "10" + 5, 0x7fp-3, 1e15, 2^63, math.tointeger(3.0))
check("limits", string.format("%.14g %.17g %a %5.2f|%-6d|%06d|%x", 0.1, 0.1, 1.5, 3.14159, 42, -42, 255))

-- Metatables, inheritance, to-be-closed variables.
local Vector = {}
Vector.__index = Vector
Vector.__add = function(a, b) return setmetatable({x = a.x + b.x, y = a.y + b.y}, Vector) end
Vector.__eq = function(a, b) return a.x == b.x and a.y == b.y end
Vector.__lt = function(a, b) return a.x < b.x end
Vector.__call = function(self, k) return self.x * k end
Vector.__tostring = function(v) return "(" .. v.x .. "," .. v.y .. ")" end
Vector.__len = function() return 2 end
Vector.__concat = function(a, b) return tostring(a) .. tostring(b) end
Vector.__close = function(v) print("closed", v) end
local function vector(x, y) return setmetatable({x = x, y = y}, Vector) end
do
    local a <close> = vector(1, 2)
    local b <const> = vector(3, 4)
    check("metatables", tostring(a + b), a == vector(1, 2), a < b, b(10), #a, a .. b)
end

-- Coroutines: generators, and a producer through a filter.
local function permutations(list, k)
    k = k or #list
    if k <= 1 then coroutine.yield(table.concat(list)) return end
    for i = 1, k do
        list[k], list[i] = list[i], list[k]
        permutations(list, k - 1)
        list[k], list[i] = list[i], list[k]
    end
end
local all = {}
for p in coroutine.wrap(function() permutations({"a", "b", "c", "d"}) end) do all[#all + 1] = p end
table.sort(all)
check("permutations", #all, all[1], all[#all])
local deep = coroutine.wrap(function()
    local ok, caught = pcall(function() coroutine.yield("inside") error({code = 7}) end)
    coroutine.yield(ok, caught.code)
end)
check("coroutines", deep(), deep())
check("dead", coroutine.resume(coroutine.create(function() error("gone", 0) end)))

-- Errors, through longjmp, in their thousands.
local caught = 0
for i = 1, 5000 do
    local ok, message = pcall(function() if i % 2 == 0 then error("even " .. i, 0) end return i end)
    if not ok and message == "even " .. i then caught = caught + 1 end
end
check("errors", caught, pcall(error), select("#", pcall(error)))
check("handler", xpcall(function() local x = nil; return x.field end, function(m) return (m:gsub("^.-:%d+: ", "")) end))
local function recurse() return 1 + recurse() end
local ok, message = pcall(recurse)
check("overflow", ok, message:match("stack overflow"))
check("numeric", select(2, pcall(function() return 1 // 0 end)):match(": (.*)"))

-- Strings: patterns, packing, UTF-8.
local text = ("the quick brown fox jumps over the lazy dog; "):rep(20)
local words = {}
for word in text:gmatch("%a+") do words[word] = (words[word] or 0) + 1 end
check("words", words.the, words.fox, (text:gsub("%w+", string.upper, 3)):sub(1, 19))
check("patterns", ("key = value"):match("^(%w+)%s*=%s*(%w+)$"), ("[[nested]]"):match("%b[]"), ("f(a,b)"):find("(", 1, true),
    ("x"):rep(3, "-"), ("THE (quick) fox"):find("%((%a+)%)"), ("abc"):byte(1, -1))
check("pack", string.unpack("<i4", string.pack(">i4", 1)), #string.pack("!8 b d z", 1, 2.5, "text"),
    string.unpack("s2", string.pack("s2", "zero\0more")):byte(5))
check("utf8", utf8.len("äöü€𝄞"), utf8.char(228, 8364, 119070), #utf8.char(0x7fffffff), utf8.codepoint("€", 1))

-- Tables: sort with a comparison, move, concat, a heap, a sieve, memoised Fibonacci.
local list = {}
for i = 1, 2000 do list[i] = (i * 7919) % 2003 end
table.sort(list, function(a, b) return a > b end)
check("sort", list[1], list[1000], list[2000], table.unpack(table.move({1, 2, 3}, 1, 3, 2)))
local sieve, primes = {}, 0
for i = 2, 100000 do
    if not sieve[i] then
        primes = primes + 1
        for j = i * i, 100000, i do sieve[j] = true end
    end
end
check("primes", primes)
local memo = setmetatable({[0] = 0, [1] = 1}, {__index = function(t, k) t[k] = t[k - 1] + t[k - 2] return t[k] end})
check("fibonacci", memo[80])

-- N queens, with closures on the way.
local function queens(size)
    local found, columns, up, down = 0, {}, {}, {}
    local function place(row)
        if row > size then found = found + 1 return end
        for column = 1, size do
            if not (columns[column] or up[row + column] or down[row - column + size]) then
                columns[column], up[row + column], down[row - column + size] = true, true, true
                place(row + 1)
                columns[column], up[row + column], down[row - column + size] = nil, nil, nil
            end
        end
    end
    place(1)
    return found
end
check("queens", queens(7))

-- The collector: weak tables, finalisers, much garbage.
local weak = setmetatable({}, {__mode = "k"})
local finalised = 0
for _ = 1, 100 do weak[setmetatable({}, {__gc = function() finalised = finalised + 1 end})] = true end
collectgarbage()
collectgarbage()
check("collected", next(weak), finalised)
for _ = 1, 200 do local garbage = {} for i = 1, 1000 do garbage[i] = {i} end end
collectgarbage()
check("memory", collectgarbage("count") < 20000)

-- Loading code, and environments.
local chunk = assert(load("local a, b = ... ; result = a * b ; return result", "chunk", "t", {}))
check("load", chunk(6, 7), result, load("syntax error here"))
check("dump", load(string.dump(function(x) return x * 2 end))(21))

-- Time and files.
check("date", os.date("!%Y-%m-%d %H:%M:%S", 86399), os.time({year = 2024, month = 2, day = 29, hour = 12}) // 86400)
check("math", string.format("%.12f %.12f %.12f", math.sin(1), math.exp(1), math.log(10, 2)), math.ult(1, -1), math.type(1), math.type(1.0))
local folder = arg and arg[1]
if folder then
    local path = folder .. "/lua-example.txt"
    local file = assert(io.open(path, "w"))
    for i = 1, 100 do file:write("line ", i, "\n") end
    file:close()
    local sum = 0
    for line in io.lines(path) do sum = sum + tonumber(line:match("%d+")) end
    local again = assert(io.open(path, "rb"))
    again:seek("end", -4)
    check("files", sum, again:read("l"), again:seek("set", 5), again:read("n"))
    again:close()
    check("removed", os.remove(path), (select(2, io.open(path))):match(": (.*)"))
end
