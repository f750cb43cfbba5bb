// Elements without markup in strings: text is always text.

/**
 * h("button", { class: "btn", onclick }, icon, "Run")
 *
 * A property of the element is set as one, anything else as an attribute; null, undefined and false
 * leave it out. Children may be nested arrays; null and false are passed over.
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.startsWith("aria") && name !== "list") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

export function add(parent, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child);
  }
  return parent;
}

export function fill(parent, ...children) {
  parent.replaceChildren();
  return add(parent, children);
}

/** Sets text only when it differs, so that unchanged cells cost nothing. */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

/** An icon from bootstrap-icons: the text of an SVG file of ours, never of a user. */
export function icon(svg) {
  const template = document.createElement("template");
  template.innerHTML = svg;
  const element = template.content.firstElementChild;
  element.setAttribute("aria-hidden", "true");
  return element;
}

export function debounce(fn, ms) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), ms);
  };
}

/** At most once each `ms`, at once when it has been quiet. */
export function throttle(fn, ms) {
  let timer = null;
  let last = -Infinity;
  const run = () => {
    timer = null;
    last = performance.now();
    fn();
  };
  return () => {
    if (timer === null) timer = setTimeout(run, Math.max(0, last + ms - performance.now()));
  };
}

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not in a secure context, or refused: the old way.
    const area = h("textarea", { value: text, class: "visually-hidden" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

export function saveFile(name, parts, type = "text/plain") {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
