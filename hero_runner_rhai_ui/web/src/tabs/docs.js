// The runner's API, from the document it serves, with a form that calls it; and the functions that
// scripts can call.
import { add, copyText, fill, h, icon } from "../base/dom.js";
import { toast } from "../base/toast.js";
import { call } from "../live/runner.js";
import { schemaForm } from "../run/schemaform.js";
import { valueView } from "../run/value.js";
import { loadFunctions } from "./run.js";
import copyIcon from "bootstrap-icons/icons/copy.svg";

const groups = [
  ["Sessions", /^session_/],
  ["Library of scripts", /^script_/],
  ["Service", /./],
];

/** Follows $ref to components of the document. */
function resolve(document, schema) {
  let found = schema;
  while (found?.$ref)
    found = found.$ref
      .slice(2)
      .split("/")
      .reduce((at, name) => at?.[name], document);
  return { ...found, description: schema.description ?? found?.description };
}

function typeText(document, schema) {
  const s = resolve(document, schema);
  if (s.enum) return s.enum.map((v) => JSON.stringify(v)).join(" | ");
  if (s.const !== undefined) return JSON.stringify(s.const);
  const alternatives = s.oneOf ?? s.anyOf;
  if (alternatives) return alternatives.map((one) => typeText(document, one)).join(" | ");
  if (s.type === "array") return `${s.items ? typeText(document, s.items) : "any"}[]`;
  if (schema.$ref && s.type === "object") return schema.$ref.split("/").pop();
  return [s.type ?? "any"].flat().join(" | ");
}

/** Members of an object, nested ones below theirs, not deeper than three. */
function schemaRows(document, schema, depth = 0) {
  const s = resolve(document, schema);
  const inner = s.type === "array" && s.items ? resolve(document, s.items) : s;
  const alternatives = inner.oneOf ?? inner.anyOf ?? [inner];
  return alternatives.flatMap((one) => {
    const object = resolve(document, one);
    const required = new Set(object.required ?? []);
    return Object.entries(object.properties ?? {}).flatMap(([name, member]) => {
      const found = resolve(document, member);
      const row = h(
        "tr",
        null,
        h(
          "td",
          { class: `indent-${depth}` },
          h("code", null, name),
          required.has(name) ? "" : h("span", { class: "muted" }, "?"),
        ),
        h("td", null, h("code", { class: "type" }, typeText(document, member))),
        h("td", null, prose(found.description)),
      );
      return depth < 2 ? [row, ...schemaRows(document, member, depth + 1)] : [row];
    });
  });
}

/** Text with what is between backticks as code. */
function prose(text = "") {
  return text.split("`").map((part, i) => (i % 2 ? h("code", null, part) : part));
}

function table(head, rows) {
  return h(
    "div",
    { class: "table-scroll", tabIndex: 0, role: "region", "aria-label": head.join(", ") },
    h(
      "table",
      { class: "list docs-table" },
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          head.map((title) => h("th", { scope: "col" }, title)),
        ),
      ),
      h("tbody", null, rows),
    ),
  );
}

function exampleOf(document, method) {
  const given = method.examples?.[0]?.params ?? [];
  return Object.fromEntries(given.map(({ name, value }) => [name, value]));
}

function curlOf(method, params) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const quoted = body.replaceAll("'", "'\\''");
  return `curl --unix-socket ~/hero/var/sockets/hero_runner_rhai/rpc.sock http://localhost/rpc -d '${quoted}'`;
}

class DocsView {
  constructor(container, path) {
    this.filter = h("input", {
      class: "form-control form-control-sm",
      type: "search",
      placeholder: "filter",
      "aria-label": "Filter",
      oninput: () => this.#showList(),
    });
    this.list = h("nav", { class: "docs-list", "aria-label": "Methods and functions" });
    this.page = h("article", { class: "docs-page", tabIndex: 0 });
    add(
      container,
      h("h1", { class: "visually-hidden" }, "Docs"),
      h(
        "div",
        { class: "docs" },
        h("div", { class: "docs-side" }, this.filter, this.list),
        this.page,
      ),
    );
    this.path = path;
    this.#load();
  }

  close() {}

  refresh() {
    this.#load();
  }

  update({ path }) {
    this.path = path;
    if (this.document) this.#show();
    return true;
  }

  async #load() {
    this.document = await call("rpc.discover").catch(() =>
      fetch(new URL("openrpc.json", document.baseURI)).then((r) => r.json()),
    );
    this.functions = await loadFunctions();
    this.#show();
  }

  #show() {
    const name = decodeURIComponent(this.path);
    this.#showList();
    if (name.startsWith("functions")) {
      this.#showFunctions(name.split("/")[1]);
      return;
    }
    const method = this.document.methods.find((m) => m.name === name) ?? this.document.methods[0];
    this.#showMethod(method);
  }

  #showList() {
    const low = this.filter.value.toLowerCase();
    const seen = new Set();
    const link = (href, title, text = title) =>
      h(
        "a",
        {
          href,
          "aria-current":
            decodeURIComponent(`docs/${this.path}`) === decodeURIComponent(href) ? "page" : null,
        },
        h("code", null, text),
      );
    const content = groups.map(([title, pattern]) => {
      const methods = this.document.methods.filter(
        ({ name }) => pattern.test(name) && !seen.has(name),
      );
      methods.forEach(({ name }) => seen.add(name));
      const found = methods.filter(({ name, summary = "" }) =>
        `${name} ${summary}`.toLowerCase().includes(low),
      );
      return (
        found.length && [h("h2", null, title), found.map(({ name }) => link(`docs/${name}`, name))]
      );
    });
    const modules = this.#modules().filter(
      ([module, list]) =>
        module.includes(low) || list.some(({ name }) => name.toLowerCase().includes(low)),
    );
    if (modules.length)
      content.push(
        h("h2", null, "Functions of scripts"),
        modules.map(([module, list]) =>
          link(
            `docs/functions/${encodeURIComponent(module)}`,
            module,
            `${module} (${list.length})`,
          ),
        ),
      );
    fill(this.list, content);
  }

  #modules() {
    const modules = new Map();
    for (const f of this.functions) {
      const name = f.module || "language";
      if (!modules.has(name)) modules.set(name, []);
      modules.get(name).push(f);
    }
    return [...modules].sort(([a], [b]) => a.localeCompare(b));
  }

  #showFunctions(module) {
    const list = this.#modules().find(([name]) => name === module)?.[1] ?? this.functions;
    fill(
      this.page,
      h("h2", { class: "docs-title" }, module ?? "Functions"),
      list.length
        ? h(
            "dl",
            { class: "functions" },
            list.map(({ signature, doc }) => [
              h("dt", null, h("code", null, signature)),
              h("dd", null, prose(doc)),
            ]),
          )
        : h("p", { class: "empty" }, "This runner does not list its functions."),
    );
    this.page.scrollTop = 0;
  }

  #showMethod(method) {
    const { document: doc } = this;
    const params = method.params ?? [];
    const paramRows = params.flatMap(({ name, required, schema, description }) => [
      h(
        "tr",
        null,
        h("td", null, h("code", null, name), required ? "" : h("span", { class: "muted" }, "?")),
        h("td", null, h("code", { class: "type" }, typeText(doc, schema))),
        h("td", null, prose(description ?? resolve(doc, schema).description)),
      ),
      ...schemaRows(doc, schema, 1),
    ]);
    const errors = (method.errors ?? []).map((error) => resolve(doc, error));
    fill(
      this.page,
      h("h2", { class: "docs-title" }, h("code", null, method.name)),
      h("p", null, h("strong", null, `${method.summary}. `), prose(method.description)),
      h("h3", null, "Parameters"),
      params.length
        ? table(["Name", "Type", "Meaning"], paramRows)
        : h("p", { class: "muted" }, "none"),
      h("h3", null, "Result"),
      h(
        "p",
        null,
        h("code", { class: "type" }, typeText(doc, method.result.schema)),
        " ",
        prose(resolve(doc, method.result.schema).description),
      ),
      table(["Name", "Type", "Meaning"], schemaRows(doc, method.result.schema)),
      errors.length > 0 && [
        h("h3", null, "Errors"),
        table(
          ["Code", "Meaning"],
          errors.map(({ code, message }) =>
            h("tr", null, h("td", null, h("code", null, code)), h("td", null, prose(message))),
          ),
        ),
      ],
      h("h3", null, "From a shell"),
      this.#curl(method),
      h("h3", null, "Try it"),
      this.#tryIt(method, params),
    );
    this.page.scrollTop = 0;
  }

  #curl(method) {
    const line = curlOf(method.name, exampleOf(this.document, method));
    const copy = () => copyText(line).then(() => toast("Copied", "the curl line"));
    return h(
      "div",
      { class: "curl" },
      h("pre", { tabIndex: 0 }, line),
      h(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Copy the curl line", onclick: copy },
        icon(copyIcon),
      ),
    );
  }

  #tryIt(method, params) {
    const form = schemaForm(
      params.map((p) => ({ ...p, schema: resolve(this.document, p.schema) })),
    );
    form.write(exampleOf(this.document, method));
    const output = h("div", { class: "try-output", role: "status" });
    const run = async (event) => {
      event.preventDefault();
      const start = performance.now();
      try {
        const result = await call(method.name, form.read());
        fill(
          output,
          h("p", { class: "muted" }, `answered in ${(performance.now() - start).toFixed(1)} ms`),
          valueView(result ?? null),
        );
      } catch (error) {
        fill(
          output,
          h("p", { class: "error-text" }, error.message, error.code ? ` (${error.code})` : ""),
          error.data && valueView(error.data),
        );
      }
    };
    return h(
      "form",
      { class: "try", onsubmit: run },
      form.element,
      h("button", { class: "btn btn-sm btn-primary" }, "Call"),
      output,
    );
  }
}

export const open = (container, { path }) => new DocsView(container, path);
