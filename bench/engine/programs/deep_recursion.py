# Deep recursion: a chain of calls down and up again, and a tree walked by two functions in turn.
import sys

sys.setrecursionlimit(20000)


def count_down(n, step):
    if n == 0:
        return 0
    return count_down(n - 1, step) + step


def is_even(n):
    return True if n == 0 else is_odd(n - 1)


def is_odd(n):
    return False if n == 0 else is_even(n - 1)


def ackermann(m, n):
    if m == 0:
        return n + 1
    elif n == 0:
        return ackermann(m - 1, 1)
    else:
        return ackermann(m - 1, ackermann(m, n - 1))


def main():
    total = even = 0
    for i in range(200):
        total += count_down(6000, i)
        if is_even(4000 + i):
            even += 1
    print(total, even, ackermann(2, 400))


main()
