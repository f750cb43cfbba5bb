-- Deep recursion: a chain of calls down and up again, and a tree walked by two functions in turn.
local function count_down(n, step)
    if n == 0 then
        return 0
    end
    return count_down(n - 1, step) + step
end

local is_even, is_odd

function is_even(n)
    if n == 0 then return true else return is_odd(n - 1) end
end

function is_odd(n)
    if n == 0 then return false else return is_even(n - 1) end
end

local function ackermann(m, n)
    if m == 0 then
        return n + 1
    elseif n == 0 then
        return ackermann(m - 1, 1)
    else
        return ackermann(m - 1, ackermann(m, n - 1))
    end
end

local total, even = 0, 0
for i = 0, 199 do
    total = total + count_down(6000, i)
    if is_even(4000 + i) then
        even = even + 1
    end
end
print(total .. " " .. even .. " " .. ackermann(2, 400))
