-- CRC-32 of 1 MiB, byte by byte through a table.
local crc_table = {}
for n = 0, 255 do
    local c = n
    for k = 1, 8 do
        if c & 1 == 1 then c = (c >> 1) ~ 0xEDB88320 else c = c >> 1 end
    end
    crc_table[n] = c
end

local byte = string.byte

local function crc32(data)
    local crc = 0xFFFFFFFF
    for i = 1, #data do
        crc = crc_table[(crc ~ byte(data, i)) & 255] ~ (crc >> 8)
    end
    return crc ~ 0xFFFFFFFF
end

local size = 1048576
local parts = {}
local char = string.char
for i = 0, size - 1 do
    parts[i + 1] = char((i * 7 + (i >> 8)) & 255)
end
local data = table.concat(parts)
print(crc32(data) .. " " .. #data)
