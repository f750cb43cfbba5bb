-- JSON: 5 MB are serialised, parsed and serialised again.
local cjson = require("cjson")
local records = {}
local seed = 99
for i = 0, 27999 do
    seed = (seed * 1103515245 + 12345) % 2147483648
    records[i + 1] = {
        id = i,
        name = "user " .. seed % 1000,
        email = "user" .. seed % 1000 .. "@example.com",
        active = seed % 3 == 0,
        score = (seed % 4096) / 8.0,
        tags = { "alpha", "beta", "tag " .. seed % 50 },
        address = { street = seed % 200 .. ' Main "Street"', city = "Zürich", zip = seed % 90000 + 10000 },
    }
end

local text = cjson.encode({ records = records })
local parsed = cjson.decode(text).records
local check = 0
for _, record in ipairs(parsed) do
    check = (check * 31 + record.id + record.address.zip + #record.name) % 1000000007
end
local again = cjson.encode({ records = parsed })
-- The order of keys is the library's, and whole floats lose their point.
local whole = 0
for _, record in ipairs(records) do
    if record.score % 1 == 0 then whole = whole + 2 end
end
print(string.format("%d %d %d %s", #parsed, check, #text + whole, tostring(#again == #text)))
