// A script's value as a tree.
import { h } from "../base/dom.js";

const FOLDED_OVER = 50; // members
const STRING_MAX = 2000;

function leaf(value) {
  if (typeof value === "string") {
    const text = value.length > STRING_MAX ? `${value.slice(0, STRING_MAX)}…` : value;
    return h("span", { class: "value-string" }, JSON.stringify(text));
  }
  return h("span", { class: `value-${value === null ? "null" : typeof value}` }, String(value));
}

function tree(value, depth) {
  if (value === null || typeof value !== "object") return leaf(value);
  const isArray = Array.isArray(value);
  const members = isArray ? value.map((item, i) => [i, item]) : Object.entries(value);
  if (!members.length) return h("span", null, isArray ? "[]" : "{}");
  const rest = h("div", { class: "value-members" });
  const show = () => {
    if (rest.firstChild) return;
    rest.append(
      ...members.map(([name, item]) =>
        h("div", null, h("span", { class: "value-name" }, `${name}: `), tree(item, depth + 1)),
      ),
    );
  };
  const isOpen = depth < 2 && members.length <= FOLDED_OVER;
  if (isOpen) show();
  const summary = isArray ? `[ ${members.length} ]` : `{ ${members.length} }`;
  return h(
    "details",
    { class: "value-tree", open: isOpen, ontoggle: show },
    h("summary", null, summary),
    rest,
  );
}

export function valueView(value, type) {
  const isNothing = type === "()" || value === undefined;
  return h(
    "div",
    { class: "value" },
    type && h("span", { class: "value-type" }, type),
    isNothing ? h("span", { class: "value-null" }, "no value") : tree(value, 0),
  );
}
