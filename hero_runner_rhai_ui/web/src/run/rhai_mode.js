// Rhai for CodeMirror: a tokenizer (The Rhai Book, "Keywords", "Strings and Characters").
import { StreamLanguage } from "@codemirror/language";

const words = (text) => new Set(text.split(" "));

export const KEYWORDS = words(
  "let const if else switch do while until loop for in continue break return throw try catch fn private import export as",
);
const SELF = words(
  "this global Fn call curry is_shared eval type_of print debug is_def_var is_def_fn",
);
const ATOMS = words("true false");

const IDENTIFIER = /^[A-Za-z_]\w*/;
const NUMBER =
  /^(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*(?:\.(?![.A-Za-z_])[\d_]*)?(?:[eE][+-]?\d+)?)/;
const OPERATOR =
  /^(?:\*\*=?|<<=?|>>=?|\.\.=?|[-+*/%&|^]=|&&|\|\||\?\?|[<>=!]=|=>|[-+*/%<>=!&|^~?])/;

function blockComment(stream, state) {
  while (!stream.eol()) {
    if (stream.match("/*")) state.commentDepth++;
    else if (stream.match("*/")) {
      if (--state.commentDepth === 0) break;
    } else stream.next();
  }
  return state.isDoc ? "docComment" : "comment";
}

/** Up to the closing quote; a string in quotes may go on in the next line only behind a backslash. */
function quoted(stream, state) {
  while (!stream.eol()) {
    const c = stream.next();
    if (c === "\\") {
      if (stream.eol()) return "string"; // goes on
      stream.next();
    } else if (c === '"') {
      state.mode = "code";
      return "string";
    }
  }
  state.mode = "code";
  return "string";
}

function template(stream, state) {
  while (!stream.eol()) {
    if (stream.peek() === "$" && stream.string[stream.pos + 1] === "{") {
      if (stream.pos > stream.start) return "string";
      stream.pos += 2;
      state.braces.push(0);
      state.mode = "code";
      return "punctuation";
    }
    if (stream.next() === "`") {
      if (stream.peek() === "`") {
        stream.next(); // a doubled one stands for itself
        continue;
      }
      state.mode = "code";
      return "string";
    }
  }
  return "string";
}

function raw(stream, state) {
  const end = `"${"#".repeat(state.hashes)}`;
  const at = stream.string.indexOf(end, stream.pos);
  if (at < 0) {
    stream.skipToEnd();
  } else {
    stream.pos = at + end.length;
    state.mode = "code";
  }
  return "string";
}

function brace(state, c) {
  const { braces } = state;
  if (!braces.length) return;
  if (c === "{") braces[braces.length - 1]++;
  else if (c === "}" && braces[braces.length - 1]-- === 0) {
    braces.pop();
    state.mode = "template";
  }
}

function identifier(stream, state, word) {
  if (KEYWORDS.has(word)) {
    state.afterFn = word === "fn";
    return "keyword";
  }
  if (ATOMS.has(word)) return "bool";
  if (state.afterFn) {
    state.afterFn = false;
    return "variableName.definition";
  }
  if (SELF.has(word) && stream.string[stream.start - 1] !== ".") return "keyword";
  if (stream.match(/^\s*::/, false)) return "namespace";
  if (stream.match(/^\s*!?\(/, false)) return "variableName.special";
  return stream.string[stream.start - 1] === "." ? "propertyName" : "variableName";
}

function code(stream, state) {
  if (stream.eatSpace()) return null;
  if (stream.match(/^\/\/[/!]/)) {
    stream.skipToEnd();
    return "docComment";
  }
  if (stream.match("//")) {
    stream.skipToEnd();
    return "comment";
  }
  if (stream.match("/*")) {
    state.isDoc = stream.peek() === "*" && stream.string[stream.pos + 1] !== "/";
    state.commentDepth = 1;
    return blockComment(stream, state);
  }
  const hashes = stream.match(/^#+(?=")/);
  if (hashes) {
    state.hashes = hashes[0].length;
    stream.next();
    state.mode = "raw";
    return raw(stream, state);
  }
  if (stream.match('"')) {
    state.mode = "quoted";
    return quoted(stream, state);
  }
  if (stream.match("`")) {
    state.mode = "template";
    return template(stream, state);
  }
  if (stream.match(/^'(?:\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|.)|[^\\'])'/u))
    return "character";
  if (stream.match(NUMBER)) return "number";
  const word = stream.match(IDENTIFIER);
  if (word) return identifier(stream, state, word[0]);
  if (stream.match("#{")) {
    brace(state, "{");
    return "brace";
  }
  if (stream.match(OPERATOR)) return "operator";
  const c = stream.next();
  brace(state, c);
  if (c === "{" || c === "}") return "brace";
  return "()[]".includes(c) ? "bracket" : "punctuation";
}

const modes = { code, quoted, template, raw };

export const rhai = StreamLanguage.define({
  name: "rhai",
  startState: () => ({
    mode: "code",
    commentDepth: 0,
    isDoc: false,
    hashes: 0,
    braces: [],
    afterFn: false,
  }),
  copyState: (state) => ({ ...state, braces: [...state.braces] }),
  token(stream, state) {
    if (state.commentDepth) return blockComment(stream, state);
    return modes[state.mode](stream, state);
  },
  // An empty line ends a string in quotes that was to go on.
  blankLine(state) {
    if (state.mode === "quoted") state.mode = "code";
  },
  indent: (state, textAfter, context) => {
    const line = context.lineAt(context.pos, -1);
    const before = /^\s*/.exec(line.text)[0].length;
    const opens = /[{([]\s*(\/\/.*)?$/.test(line.text) ? context.unit : 0;
    return Math.max(0, before + opens - (/^\s*[})\]]/.test(textAfter) ? context.unit : 0));
  },
  languageData: {
    commentTokens: { line: "//", block: { open: "/*", close: "*/" } },
    closeBrackets: { brackets: ["(", "[", "{", '"', "`"] },
    indentOnInput: /^\s*[})\]]$/,
  },
});
