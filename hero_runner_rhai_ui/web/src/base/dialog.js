// Questions that need an answer, and menus, on native elements.
import { add, h } from "./dom.js";

/** Resolves with what was entered or chosen, or null when it was closed otherwise. */
function ask(title, body, action, kind) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { class: "dialog", "aria-labelledby": "dialog-title" },
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "dialog-title" }, title),
        body,
        h(
          "div",
          { class: "dialog-buttons" },
          h(
            "button",
            {
              class: "btn btn-sm btn-outline-secondary",
              type: "button",
              onclick: () => dialog.close("no"),
            },
            "Cancel",
          ),
          h("button", { class: `btn btn-sm btn-${kind}`, value: "yes" }, action),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Resolves with true when it was agreed to. */
export function confirmDialog(title, text, { action = "OK", danger = false } = {}) {
  return ask(title, h("p", null, text), action, danger ? "danger" : "primary");
}

/** Resolves with the text entered, or null. */
export async function promptDialog(title, label, { value = "", action = "OK" } = {}) {
  const input = h("input", { class: "form-control form-control-sm", value, autofocus: true });
  const isAgreed = await ask(
    title,
    h("label", { class: "dialog-label" }, label, input),
    action,
    "primary",
  );
  return isAgreed ? input.value.trim() : null;
}

let openMenu = null;

function closeMenu(focusBack) {
  if (!openMenu) return;
  const { element, opener } = openMenu;
  openMenu = null;
  element.remove();
  if (focusBack) opener?.focus();
}

function moveFocus(menu, step) {
  const items = [...menu.querySelectorAll("[role=menuitem]:not(:disabled)")];
  const at = items.indexOf(document.activeElement);
  items[(at + step + items.length) % items.length]?.focus();
}

/**
 * Shows a menu at a place: items are { label, icon, run, disabled, danger } or null for a line.
 * opener gets the focus back.
 */
export function showMenu(x, y, items, opener) {
  closeMenu(false);
  const menu = h("div", {
    class: "menu",
    role: "menu",
    onkeydown: (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) moveFocus(menu, step);
      else if (event.key === "Escape" || event.key === "Tab") closeMenu(true);
      else return;
      event.preventDefault();
    },
  });
  for (const item of items) {
    if (!item) {
      menu.append(h("hr", { role: "separator" }));
      continue;
    }
    const run = () => {
      closeMenu(true);
      item.run();
    };
    const kind = item.danger ? "danger" : "";
    add(
      menu,
      h(
        "button",
        { role: "menuitem", type: "button", class: kind, disabled: item.disabled, onclick: run },
        item.icon,
        item.label,
      ),
    );
  }
  document.body.append(menu);
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 4))}px`;
  menu.style.top = `${Math.max(4, Math.min(y, innerHeight - height - 4))}px`;
  openMenu = { element: menu, opener };
  moveFocus(menu, 1);
}

/** The same under a button. */
export function showMenuUnder(button, items) {
  const { left, bottom } = button.getBoundingClientRect();
  showMenu(left, bottom + 2, items, button);
}

addEventListener("pointerdown", (event) => {
  if (openMenu && !openMenu.element.contains(event.target)) closeMenu(false);
});
addEventListener("blur", () => closeMenu(false));
addEventListener("scroll", () => closeMenu(false), true);
