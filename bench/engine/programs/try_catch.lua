-- Errors in a hot loop: a function throws every fourth time, a handler looks at what.
local function check(n)
    if n % 4 == 3 then
        error("bad " .. n % 100, 0)
    end
    return n * 2
end

local good, bad = 0, 0
for i = 0, 299999 do
    local ok, result = pcall(check, i)
    if ok then
        good = (good + result) % 1000000007
    else
        bad = bad + #result
    end
end

local deep = 0
for i = 0, 119999 do
    local ok, outer = pcall(function()
        local fine, inner = pcall(function()
            error(i, 0)
        end)
        if not fine then
            if inner % 2 == 0 then
                error(inner + 1, 0)
            end
            deep = deep + inner
        end
    end)
    if not ok then
        deep = deep - outer
    end
end
print(good .. " " .. bad .. " " .. deep)
