# JSON: 5 MB are serialised, parsed and serialised again.
import json


def main():
    records = []
    seed = 99
    for i in range(28000):
        seed = (seed * 1103515245 + 12345) % 2147483648
        records.append({
            "id": i,
            "name": f"user {seed % 1000}",
            "email": f"user{seed % 1000}@example.com",
            "active": seed % 3 == 0,
            "score": (seed % 4096) / 8.0,
            "tags": ["alpha", "beta", f"tag {seed % 50}"],
            "address": {"street": f'{seed % 200} Main "Street"', "city": "Zürich", "zip": seed % 90000 + 10000},
        })

    text = json.dumps({"records": records}, separators=(",", ":"), ensure_ascii=False)
    parsed = json.loads(text)["records"]
    check = 0
    for record in parsed:
        check = (check * 31 + record["id"] + record["address"]["zip"] + len(record["name"])) % 1000000007
    again = json.dumps({"records": parsed}, separators=(",", ":"), ensure_ascii=False)
    print(len(parsed), check, len(text.encode()), str(again == text).lower())


main()
