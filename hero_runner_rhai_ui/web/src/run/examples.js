// Scripts to start from.
export const examples = [
  {
    name: "Hello",
    script: `// Ctrl-Enter runs this. Output appears as it is printed.
let name = "world";
print(\`hello, \${name}\`);

let total = 0;
for n in 1..=10 { total += n; }
total
`,
  },
  {
    name: "Inputs and a table",
    script: `/// Prints a multiplication table.
/// @input size: int = 5  how many rows and columns
/// @input title: string = "Table"  printed above it

print(title);
for row in 1..=size {
    let line = "";
    for column in 1..=size {
        let cell = (row * column).to_string();
        cell.pad(5, ' ');
        line += cell;
    }
    print(line);
}
size * size
`,
  },
  {
    name: "A long run",
    script: `// Something to watch and to stop.
for step in 1..=60 {
    print(\`step \${step} of 60\`);
    if step % 10 == 0 { debug(\`\${step / 10} sixths done\`); }
    sleep(0.5);
}
"done"
`,
  },
  {
    name: "Child processes",
    script: `// Output of child processes is shown line by line.
let result = run_silent("ls -l /etc | head -20");
print(result.stdout);
#{ lines: result.stdout.split("\\n").len(), host: env("USER") }
`,
  },
  {
    name: "Functions and errors",
    script: `fn parse(text) {
    let parts = text.split("=");
    if parts.len() != 2 { throw #{ what: "not a pair", text: text }; }
    #{ name: parts[0], value: parse_int(parts[1]) }
}

for text in ["a=1", "b=22", "c"] {
    try {
        print(parse(text));
    } catch (e) {
        debug(e);
    }
}
`,
  },
  {
    name: "Colours",
    script: `let off = "\\x1b[0m"; // strings in backticks have no escapes
for code in 31..=36 {
    print("\\x1b[" + code + "mcolour " + code + off + " and \\x1b[1;" + code + "mbold" + off);
}
`,
  },
];
