-- A tokenizer: walks a source text by index and cuts out names, numbers, strings and operators.
local byte, sub = string.byte, string.sub

local function is_letter(c)
    return (c >= 97 and c <= 122) or (c >= 65 and c <= 90) or c == 95
end

local function is_digit(c)
    return c >= 48 and c <= 57
end

local line = "let total_1 = (price * 42 + tax_rate / 3.14) - discount[7]; // sum\nif total_1 >= 100 { print(\"large: \" + total_1); }\n"
local parts = {}
for i = 1, 4000 do
    parts[i] = line
end
local source = table.concat(parts)

local names, numbers, strings, operators, check = 0, 0, 0, 0, 0
local size = #source
local i = 1
while i <= size do
    local c = byte(source, i)
    local start = i
    if c == 32 or c == 10 then
        i = i + 1
    elseif is_letter(c) then
        while i <= size and (is_letter(byte(source, i)) or is_digit(byte(source, i))) do
            i = i + 1
        end
        local word = sub(source, start, i - 1)
        if word == "let" or word == "if" then
            check = check + 1000
        end
        names = names + 1
        check = (check * 7 + #word) % 1000003
    elseif is_digit(c) then
        while i <= size and (is_digit(byte(source, i)) or byte(source, i) == 46) do
            i = i + 1
        end
        numbers = numbers + 1
        check = (check * 5 + #sub(source, start, i - 1)) % 1000003
    elseif c == 34 then
        i = i + 1
        while byte(source, i) ~= 34 do
            i = i + 1
        end
        i = i + 1
        strings = strings + 1
    elseif c == 47 and byte(source, i + 1) == 47 then
        while i <= size and byte(source, i) ~= 10 do
            i = i + 1
        end
    else
        i = i + 1
        operators = operators + 1
    end
end
print(names .. " " .. numbers .. " " .. strings .. " " .. operators .. " " .. check)
