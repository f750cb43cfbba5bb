# A tokenizer: walks a source text by index and cuts out names, numbers, strings and operators.
def is_letter(c):
    return "a" <= c <= "z" or "A" <= c <= "Z" or c == "_"


def is_digit(c):
    return "0" <= c <= "9"


def main():
    line = 'let total_1 = (price * 42 + tax_rate / 3.14) - discount[7]; // sum\nif total_1 >= 100 { print("large: " + total_1); }\n'
    source = line * 4000
    names = numbers = strings = operators = check = 0
    size = len(source)
    i = 0
    while i < size:
        c = source[i]
        if c == " " or c == "\n":
            i += 1
            continue
        start = i
        if is_letter(c):
            while i < size and (is_letter(source[i]) or is_digit(source[i])):
                i += 1
            word = source[start:i]
            if word == "let" or word == "if":
                check += 1000
            names += 1
            check = (check * 7 + len(word)) % 1000003
        elif is_digit(c):
            while i < size and (is_digit(source[i]) or source[i] == "."):
                i += 1
            numbers += 1
            check = (check * 5 + len(source[start:i])) % 1000003
        elif c == '"':
            i += 1
            while source[i] != '"':
                i += 1
            i += 1
            strings += 1
        elif c == "/" and source[i + 1] == "/":
            while i < size and source[i] != "\n":
                i += 1
        else:
            i += 1
            operators += 1
    print(names, numbers, strings, operators, check)


main()
