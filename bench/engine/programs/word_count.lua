-- Counting the words of 2 MB of text.
local syllables = { [0] = "ba", "con", "de", "fi", "gu", "lo", "mer", "no", "per", "qui", "ra", "su", "tor", "ve" }
local seed = 2024
local parts, size = {}, 0
while size < 2000000 do
    seed = (seed * 1103515245 + 12345) % 2147483648
    local n = seed // 65536
    local word = syllables[n % 14] .. syllables[n // 14 % 14]
    if n % 3 == 0 then
        word = word .. syllables[n // 196 % 14]
    end
    word = word .. (n % 11 == 0 and "\n" or " ")
    parts[#parts + 1] = word
    size = size + #word
end
local text = table.concat(parts)

local counts, total = {}, 0
for line in string.gmatch(text, "[^\n]+") do
    for word in string.gmatch(line, "[^ ]+") do
        total = total + 1
        counts[word] = (counts[word] or 0) + 1
    end
end

local best, most, different = "", 0, 0
for word, n in pairs(counts) do
    different = different + 1
    if n > most or (n == most and word < best) then
        most = n
        best = word
    end
end
print(total .. " " .. different .. " " .. best .. " " .. most)
