// The editor: CodeMirror with Rhai, completion and errors from the server. Loaded when it is needed.
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import {
  bracketMatching,
  foldGutter,
  foldKeymap,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language";
import { lintGutter, lintKeymap, linter } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import {
  crosshairCursor,
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  rectangularSelection,
} from "@codemirror/view";
import { classHighlighter, highlightTree } from "@lezer/highlight";
import { h } from "../base/dom.js";
import { KEYWORDS, rhai } from "./rhai_mode.js";

const CHECK_DELAY_MS = 350;

const theme = EditorView.theme({
  "&": {
    height: "100%",
    fontSize: "13px",
    backgroundColor: "var(--code-bg)",
    color: "var(--text)",
  },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--code-bg)", color: "var(--faint)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--hover)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { backgroundColor: "var(--selection)" },
  "&.cm-focused .cm-matchingBracket": {
    backgroundColor: "var(--selection)",
    outline: "1px solid var(--border-strong)",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    border: "1px solid var(--border-strong)",
    borderRadius: "6px",
    color: "var(--text)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    backgroundColor: "var(--accent-bg)",
    color: "var(--text)",
  },
  ".cm-completionInfo": { maxWidth: "32rem", padding: "6px 10px" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)" },
  ".cm-foldPlaceholder": { backgroundColor: "transparent", border: "none", color: "var(--muted)" },
  "&.cm-focused": { outline: "none" },
});

// ---- completion ---------------------------------------------------------------------------------

function infoOf({ signature, doc, module }) {
  return () =>
    h(
      "div",
      { class: "completion-info" },
      h("code", null, signature),
      module && h("span", { class: "completion-module" }, module),
      doc && h("p", null, doc),
    );
}

/** One entry a name; overloads share it. */
function optionsOf(functions) {
  const byName = new Map();
  for (const f of functions) {
    if (!/^[A-Za-z_]\w*$/.test(f.name)) continue; // an operator
    const known = byName.get(f.name);
    if (known) known.signature += `\n${f.signature}`;
    else byName.set(f.name, { ...f });
  }
  return [...byName.values()].map((f) => ({
    label: f.name,
    type: "function",
    detail: f.signature.includes("\n") ? "" : f.signature.replace(f.name, "").slice(0, 60),
    info: infoOf(f),
  }));
}

const keywordOptions = [...KEYWORDS, "this", "true", "false"].map((label) => ({
  label,
  type: "keyword",
  boost: -1,
}));

function ownNames(text, before) {
  const names = new Map();
  for (const [, kind, name] of text.matchAll(
    /\b(let|const|fn|for|catch)\s*\(?\s*([A-Za-z_]\w*)/g,
  )) {
    names.set(name, kind === "fn" ? "function" : kind === "const" ? "constant" : "variable");
  }
  names.delete(before);
  return [...names].map(([label, type]) => ({ label, type, boost: 1 }));
}

function completionSource(functions) {
  let options = null;
  return async (context) => {
    const word = context.matchBefore(/[A-Za-z_]\w*/);
    const dot = context.matchBefore(/\.\w*/);
    if (!word && !dot && !context.explicit) return null;
    options ??= functions().then(optionsOf);
    const known = await options;
    const from = word ? word.from : context.pos;
    if (dot) return { from, options: known, validFor: /^\w*$/ };
    return {
      from,
      options: [...known, ...keywordOptions, ...ownNames(context.state.doc.toString(), word?.text)],
      validFor: /^\w*$/,
    };
  };
}

// ---- errors -------------------------------------------------------------------------------------

function diagnosticOf(doc, { line, position, message }) {
  const at = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const column = [...at.text].slice(0, Math.max(0, position - 1)).join("").length;
  const from = Math.min(at.from + column, at.to);
  const word = /^\w+/.exec(doc.sliceString(from, at.to));
  let to = Math.min(at.to, from + (word ? word[0].length : 1));
  if (to === from && from > at.from) return { from: from - 1, to, severity: "error", message };
  return { from, to, severity: "error", message };
}

function lintSource(check) {
  return async (view) => {
    const { doc } = view.state;
    const errors = await check(doc.toString());
    return view.state.doc === doc ? errors.map((error) => diagnosticOf(doc, error)) : [];
  };
}

// ---- the editor ---------------------------------------------------------------------------------

/**
 * functions() → Promise of the server's list; check(text) → Promise of errors; onChange(text);
 * onRun(), onSave() by keys.
 */
export function createEditor({ text, functions, check, onChange, onRun, onSave }) {
  const keys = [
    { key: "Mod-Enter", run: () => (onRun(), true), preventDefault: true },
    { key: "Mod-s", run: () => (onSave(), true), preventDefault: true },
  ];
  const extensions = [
    keymap.of(keys),
    EditorView.cspNonce.of(document.querySelector("meta[name=csp-nonce]").content),
    lineNumbers(),
    highlightActiveLineGutter(),
    highlightSpecialChars(),
    history(),
    foldGutter(),
    drawSelection(),
    EditorState.allowMultipleSelections.of(true),
    indentUnit.of("    "),
    indentOnInput(),
    syntaxHighlighting(classHighlighter),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ override: [completionSource(functions)] }),
    rectangularSelection(),
    crosshairCursor(),
    highlightActiveLine(),
    highlightSelectionMatches(),
    linter(lintSource(check), { delay: CHECK_DELAY_MS }),
    lintGutter(),
    keymap.of([
      ...closeBracketsKeymap,
      ...defaultKeymap,
      ...searchKeymap,
      ...historyKeymap,
      ...foldKeymap,
      ...completionKeymap,
      ...lintKeymap,
      indentWithTab,
    ]),
    rhai,
    theme,
    EditorView.contentAttributes.of({ "aria-label": "Script" }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) onChange(update.state.doc.toString());
    }),
  ];
  const view = new EditorView({ state: EditorState.create({ doc: text, extensions }) });
  return {
    element: view.dom,
    text: () => view.state.doc.toString(),
    setText: (doc) => view.setState(EditorState.create({ doc, extensions })),
    goTo(line, position = 1) {
      const { doc } = view.state;
      const { from } = diagnosticOf(doc, { line, position, message: "" });
      view.dispatch({ selection: { anchor: from }, scrollIntoView: true });
      view.focus();
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

/** Pieces of coloured text for each line of a script. */
export function highlightLines(text) {
  const lines = [[]];
  const put = (part, name) => {
    part.split("\n").forEach((piece, i) => {
      if (i) lines.push([]);
      if (piece) lines.at(-1).push(name ? h("span", { class: name }, piece) : piece);
    });
  };
  let at = 0;
  highlightTree(rhai.parser.parse(text), classHighlighter, (from, to, name) => {
    if (from > at) put(text.slice(at, from));
    put(text.slice(from, to), name);
    at = to;
  });
  put(text.slice(at));
  return lines;
}
