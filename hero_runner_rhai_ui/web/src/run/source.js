// Script text for reading: numbered lines, colours, and the place of an error.
import { fill, h } from "../base/dom.js";

const CONTEXT_LINES = 2;

/** Colours come with the editor, which is large, so a moment later. */
async function colour(elements, text) {
  const { highlightLines } = await import("./editor.js");
  const lines = highlightLines(text);
  elements.forEach(({ element, line }) => fill(element, lines[line - 1] ?? ""));
}

function numbered(text, from, to, markLine) {
  const lines = text.split("\n");
  const elements = [];
  const rows = [];
  for (let line = from; line <= to; line++) {
    const element = h("span", { class: "code-text" }, lines[line - 1]);
    elements.push({ element, line });
    rows.push(
      h(
        "div",
        { class: line === markLine ? "code-line marked" : "code-line" },
        h("span", { class: "code-number" }, line),
        element,
      ),
    );
  }
  colour(elements, text);
  return rows;
}

export function sourceText(text, { markLine } = {}) {
  const count = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  return h(
    "div",
    { class: "code", tabIndex: 0, role: "region", "aria-label": "Script" },
    numbered(text, 1, Math.max(1, count), markLine),
  );
}

/** The message, and where it has a place in the script, the lines around it with a caret. */
export function errorInSource(error, script) {
  const message = h("p", { class: "error-text" }, error.message);
  const lines = script?.split("\n");
  if (!error.line || !lines || error.line > lines.length) return message;
  const from = Math.max(1, error.line - CONTEXT_LINES);
  const to = Math.min(lines.length, error.line + CONTEXT_LINES);
  const rows = numbered(script, from, to, error.line);
  if (error.position) {
    const before = [...lines[error.line - 1]]
      .slice(0, error.position - 1)
      .join("")
      .replace(/[^\t]/g, " ");
    const caret = h(
      "div",
      { class: "code-line caret", "aria-hidden": "true" },
      h("span", { class: "code-number" }),
      h("span", { class: "code-text" }, `${before}^`),
    );
    rows.splice(error.line - from + 1, 0, caret);
  }
  return [
    message,
    h(
      "div",
      { class: "code", tabIndex: 0, role: "region", "aria-label": `Line ${error.line}` },
      rows,
    ),
  ];
}
