# Errors in a hot loop: a function throws every fourth time, a handler looks at what.
class Thrown(Exception):
    pass


def check(n):
    if n % 4 == 3:
        raise Thrown(f"bad {n % 100}")
    return n * 2


def main():
    good = bad = 0
    for i in range(300000):
        try:
            good = (good + check(i)) % 1000000007
        except Thrown as e:
            bad += len(e.args[0])

    deep = 0
    for i in range(120000):
        try:
            try:
                raise Thrown(i)
            except Thrown as inner:
                if inner.args[0] % 2 == 0:
                    raise Thrown(inner.args[0] + 1)
                deep += inner.args[0]
        except Thrown as outer:
            deep -= outer.args[0]
    print(good, bad, deep)


main()
