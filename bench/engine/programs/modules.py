# A program in modules: small functions of one module call those of another.
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "modules"))
import random_numbers as random
import stats
import vectors


def main():
    seed = 17
    total = [0.0, 0.0]
    totals = stats.empty()
    for i in range(150000):
        seed = random.next(seed)
        a = vectors.make(random.unit(seed), 0.5)
        b = vectors.scale(a, 2.0)
        if vectors.dot(a, b) > 0.75:
            total = vectors.add(total, b)
        totals = stats.note(totals, random.below(seed, 1000))
    print(int(total[0] * 1000.0), *totals, stats.mean(totals))


main()
