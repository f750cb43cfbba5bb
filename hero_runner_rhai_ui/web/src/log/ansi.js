// Colours of terminals (ECMA-48, "Select Graphic Rendition"); every other sequence is left out.

// CSI, OSC up to its end, and the short ones.
const SEQUENCE = /\x1b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;
const CONTROL = /[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]/g;

function hasControls(text) {
  return /[\x00-\x08\x0b-\x1f\x7f]/.test(text);
}

/** The text that is seen. */
export function plain(text) {
  return hasControls(text)
    ? text.replace(SEQUENCE, "").replace(CONTROL, "").replace(/\x1b/g, "")
    : text;
}

const cube = (n) => (n ? 55 + 40 * n : 0);

/** The colour of a number from 0 to 255: a class for the first 16, else a CSS colour. */
function paletteColor(n) {
  if (n < 16) return n;
  if (n >= 232) {
    const grey = 8 + 10 * (n - 232);
    return `rgb(${grey} ${grey} ${grey})`;
  }
  n -= 16;
  return `rgb(${cube(Math.floor(n / 36))} ${cube(Math.floor(n / 6) % 6)} ${cube(n % 6)})`;
}

/** Reads 38 and 48: [colour, how many numbers it took]. */
function extendedColor(codes, at) {
  if (codes[at] === 5 && codes[at + 1] < 256) return [paletteColor(codes[at + 1]), 2];
  if (codes[at] === 2) {
    const rgb = codes.slice(at + 1, at + 4);
    if (rgb.length === 3 && rgb.every((n) => n < 256)) return [`rgb(${rgb.join(" ")})`, 4];
  }
  return [undefined, codes.length];
}

const FLAGS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const FLAGS_OFF = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underline"],
  27: ["inverse"],
  29: ["strike"],
};

function apply(style, codes) {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code === 0) style = {};
    else if (FLAGS[code]) style = { ...style, [FLAGS[code]]: true };
    else if (FLAGS_OFF[code]) {
      style = { ...style };
      for (const flag of FLAGS_OFF[code]) delete style[flag];
    } else if (code >= 30 && code <= 37) style = { ...style, fg: code - 30 };
    else if (code >= 90 && code <= 97) style = { ...style, fg: code - 82 };
    else if (code >= 40 && code <= 47) style = { ...style, bg: code - 40 };
    else if (code >= 100 && code <= 107) style = { ...style, bg: code - 92 };
    else if (code === 39) style = { ...style, fg: undefined };
    else if (code === 49) style = { ...style, bg: undefined };
    else if (code === 38 || code === 48) {
      const [color, taken] = extendedColor(codes, i + 1);
      style = { ...style, [code === 38 ? "fg" : "bg"]: color };
      i += taken;
    }
  }
  return style;
}

/** Pieces [{ text, style }] whose texts together are plain(text). */
export function parse(text) {
  if (!hasControls(text)) return [{ text, style: {} }];
  const pieces = [];
  let style = {};
  let from = 0;
  const push = (part) => {
    const seen = part.replace(CONTROL, "").replace(/\x1b/g, "");
    if (seen) pieces.push({ text: seen, style });
  };
  for (const match of text.matchAll(SEQUENCE)) {
    push(text.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === "m") style = apply(style, (match[1] || "0").split(/[;:]/).map(Number));
  }
  push(text.slice(from));
  return pieces;
}

/** Dresses an element in a style. */
export function dress(element, style) {
  for (const flag of ["bold", "dim", "italic", "underline", "inverse", "strike"]) {
    if (style[flag]) element.classList.add(`ansi-${flag}`);
  }
  for (const [key, property] of [
    ["fg", "color"],
    ["bg", "backgroundColor"],
  ]) {
    const color = style[key];
    if (typeof color === "number") element.classList.add(`ansi-${key}-${color}`);
    else if (color) element.style[property] = color;
  }
}
