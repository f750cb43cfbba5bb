// A form made from a JSON Schema of an object, or from the parameters of a method.
import { fill, h } from "../base/dom.js";

const typeOf = (schema) =>
  Array.isArray(schema.type) ? schema.type.find((t) => t !== "null") : schema.type;

function hintOf(schema) {
  const parts = [typeOf(schema) ?? (schema.oneOf || schema.anyOf ? "one of several" : "any value")];
  if (schema.minimum !== undefined) parts.push(`from ${schema.minimum}`);
  if (schema.maximum !== undefined) parts.push(`to ${schema.maximum}`);
  return parts.join(" ");
}

/** read() gives undefined for "left out" and throws an Error for what cannot be read. */
function control(name, schema, id) {
  const type = typeOf(schema);
  const placeholder = schema.default === undefined ? "" : `${JSON.stringify(schema.default)}`;
  if (schema.enum) {
    const values = schema.enum;
    const select = h(
      "select",
      { id, class: "form-select form-select-sm" },
      h("option", { value: "" }, placeholder || "–"),
      values.map((value, i) => h("option", { value: i }, String(value))),
    );
    return {
      element: select,
      read: () => (select.value === "" ? undefined : values[select.value]),
      write: (value) => (select.value = String(values.indexOf(value))),
    };
  }
  if (type === "boolean") {
    const select = h(
      "select",
      { id, class: "form-select form-select-sm" },
      ["", "true", "false"].map((value) => h("option", { value }, value || placeholder || "–")),
    );
    return {
      element: select,
      read: () => (select.value === "" ? undefined : select.value === "true"),
      write: (value) => (select.value = String(value)),
    };
  }
  if (type === "integer" || type === "number") {
    const input = h("input", {
      id,
      class: "form-control form-control-sm",
      inputMode: "decimal",
      placeholder,
    });
    return {
      element: input,
      write: (value) => (input.value = value),
      read: () => {
        const text = input.value.trim();
        if (text === "") return undefined;
        if (Number.isNaN(Number(text))) throw new Error(`${name}: "${text}" is not a number`);
        return Number(text);
      },
    };
  }
  const isText = type === "string";
  const isLong = !isText || name === "script";
  const input = h(isLong ? "textarea" : "input", {
    id,
    class: "form-control form-control-sm",
    placeholder: isText ? placeholder : placeholder || "JSON",
    rows: 2,
    spellcheck: false,
  });
  return {
    element: input,
    write: (value) => (input.value = isText ? value : JSON.stringify(value)),
    read: () => {
      if (input.value === "") return undefined;
      if (isText) return input.value;
      try {
        return JSON.parse(input.value);
      } catch {
        throw new Error(`${name}: not JSON`);
      }
    },
  };
}

let lastId = 0;

/**
 * members: [{ name, schema, required, description }]. The form is { element, read(), write(values) };
 * read() gives the values entered and throws an Error that names the field.
 */
export function schemaForm(members) {
  const fields = members.map(({ name, schema, required, description }) => {
    const id = `field-${++lastId}`;
    const made = control(name, schema, id);
    const help = description ?? schema.description;
    if (help) made.element.setAttribute("aria-describedby", `${id}-help`);
    const element = h(
      "div",
      { class: "field" },
      h(
        "label",
        { htmlFor: id },
        h("code", null, name),
        required && h("span", { class: "required", title: "required" }, " *"),
        h("span", { class: "field-type" }, hintOf(schema)),
      ),
      made.element,
      help && h("div", { class: "field-help", id: `${id}-help` }, help),
    );
    return { ...made, name, required, box: element };
  });
  return {
    element: h(
      "div",
      { class: "fields" },
      fields.map(({ box }) => box),
    ),
    read() {
      const values = {};
      for (const { name, read, required } of fields) {
        const value = read();
        if (value !== undefined) values[name] = value;
        else if (required) throw new Error(`${name}: needed`);
      }
      return values;
    },
    write(values) {
      for (const { name, write } of fields) if (name in values) write(values[name]);
    },
  };
}

/** The same for an object schema that may change; values entered are kept by name. */
export class InputsForm {
  #key = "";
  #form = null;
  #kept = {};

  constructor() {
    this.element = h("div", { class: "inputs" });
  }

  setSchema(schema) {
    const key = JSON.stringify(schema);
    if (key === this.#key) return;
    this.#key = key;
    this.#keep();
    const names = Object.keys(schema?.properties ?? {});
    const required = new Set(schema?.required ?? []);
    this.#form = names.length
      ? schemaForm(
          names.map((name) => ({
            name,
            schema: schema.properties[name],
            required: required.has(name),
          })),
        )
      : null;
    this.#form?.write(
      Object.fromEntries(Object.entries(this.#kept).filter(([name]) => names.includes(name))),
    );
    fill(this.element, this.#form && [h("h3", null, "Inputs"), this.#form.element]);
  }

  setValues(values) {
    this.#kept = { ...values };
    this.#form?.write(values);
  }

  read() {
    return this.#form?.read();
  }

  #keep() {
    try {
      Object.assign(this.#kept, this.#form?.read());
    } catch {
      // what cannot be read is not worth keeping
    }
  }
}
