# Counting the words of 2 MB of text.
def main():
    syllables = ["ba", "con", "de", "fi", "gu", "lo", "mer", "no", "per", "qui", "ra", "su", "tor", "ve"]
    seed = 2024
    parts, size = [], 0
    while size < 2000000:
        seed = (seed * 1103515245 + 12345) % 2147483648
        n = seed // 65536
        word = syllables[n % 14] + syllables[n // 14 % 14]
        if n % 3 == 0:
            word += syllables[n // 196 % 14]
        word += "\n" if n % 11 == 0 else " "
        parts.append(word)
        size += len(word)
    text = "".join(parts)

    counts, total = {}, 0
    for line in text.split("\n"):
        for word in line.split(" "):
            if not word:
                continue
            total += 1
            if word in counts:
                counts[word] += 1
            else:
                counts[word] = 1

    best, most = "", 0
    for word, n in counts.items():
        if n > most or (n == most and word < best):
            most, best = n, word
    print(total, len(counts), best, most)


main()
