// Short messages in the corner; errors stay until closed.
import { h, icon } from "./dom.js";
import closeIcon from "bootstrap-icons/icons/x-lg.svg";

const SHOWN_MS = 4000;
const SHOWN_MAX = 5;

/** kind: "info" or "error". The same message again only counts up. */
export function toast(title, text = "", kind = "info") {
  const box = document.getElementById("toasts");
  const key = `${kind}\n${title}\n${text}`;
  const known = [...box.children].find((element) => element.dataset.key === key);
  if (known) {
    known.dataset.count = Number(known.dataset.count ?? 1) + 1;
    known.querySelector(".times").textContent = `× ${known.dataset.count}`;
    return;
  }
  const element = h(
    "div",
    { class: `toast-card ${kind}`, dataset: { key } },
    h(
      "div",
      { class: "toast-text" },
      h("strong", null, title, " ", h("span", { class: "times" })),
      text && h("div", null, text),
    ),
    h(
      "button",
      {
        class: "icon-button",
        type: "button",
        "aria-label": "Close",
        onclick: () => element.remove(),
      },
      icon(closeIcon),
    ),
  );
  box.append(element);
  while (box.children.length > SHOWN_MAX) box.firstChild.remove();
  if (kind !== "error") setTimeout(() => element.remove(), SHOWN_MS);
}

export function toastError(error) {
  const code = error.code ? ` (${error.code})` : "";
  toast(error.method ?? "Error", `${error.message}${code}`, "error");
}
