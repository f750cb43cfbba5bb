// The server's library of scripts, as a dialog.
import { fill, h, icon } from "../base/dom.js";
import { confirmDialog } from "../base/dialog.js";
import { bytes, plural, when } from "../base/format.js";
import { toast } from "../base/toast.js";
import { ask } from "../live/runner.js";
import deleteIcon from "bootstrap-icons/icons/trash.svg";

/** Resolves with a script of script_get, or null. */
export async function chooseScript() {
  const answer = await ask("script_list");
  if (!answer) return null;
  return new Promise((resolve) => {
    const list = h("div", { class: "library" });
    const filter = h("input", {
      class: "form-control form-control-sm",
      type: "search",
      placeholder: "filter",
      "aria-label": "Filter scripts",
      autofocus: true,
      oninput: () => show(),
    });
    let scripts = answer.scripts;

    async function choose(name, version) {
      const script = await ask("script_get", version ? { name, version } : { name });
      if (!script) return;
      resolve(script);
      dialog.close();
    }

    async function remove(name) {
      if (
        !(await confirmDialog(`Delete ${name}?`, "All its versions are gone for good.", {
          action: "Delete",
          danger: true,
        }))
      )
        return;
      if (!(await ask("script_delete", { name }))) return;
      toast("Deleted", name);
      scripts = scripts.filter((script) => script.name !== name);
      show();
    }

    function row(script) {
      const versions = h("select", {
        class: "tool-select",
        "aria-label": `Versions of ${script.name}`,
        onchange: () => choose(script.name, Number(versions.value)),
      });
      for (let n = script.version; n > Math.max(0, script.version - 50); n--)
        versions.append(h("option", { value: n }, `v${n}`));
      return h(
        "div",
        { class: "library-row" },
        h(
          "button",
          { type: "button", class: "library-name", onclick: () => choose(script.name) },
          h("strong", null, script.name),
          h("span", null, script.description ?? ""),
          h("span", { class: "muted" }, `${when(script.updated_at_ms)} · ${bytes(script.bytes)}`),
        ),
        script.versions > 1 && versions,
        h(
          "button",
          {
            type: "button",
            class: "icon-button",
            "aria-label": `Delete ${script.name}`,
            onclick: () => remove(script.name),
          },
          icon(deleteIcon),
        ),
      );
    }

    function show() {
      const low = filter.value.toLowerCase();
      const found = scripts.filter(({ name, description = "" }) =>
        `${name} ${description}`.toLowerCase().includes(low),
      );
      fill(
        list,
        found.length
          ? found.map(row)
          : h(
              "p",
              { class: "empty" },
              scripts.length
                ? "No script matches."
                : "Nothing saved yet: give the script a name and save it.",
            ),
      );
    }

    const dialog = h(
      "dialog",
      { class: "dialog wide", "aria-label": "Saved scripts" },
      h(
        "div",
        { class: "dialog-head" },
        h("h2", null, plural(scripts.length, "saved script")),
        h(
          "button",
          {
            type: "button",
            class: "btn btn-sm btn-outline-secondary",
            onclick: () => dialog.close(),
          },
          "Close",
        ),
      ),
      filter,
      list,
    );
    dialog.addEventListener("close", () => {
      resolve(null);
      dialog.remove();
    });
    show();
    document.body.append(dialog);
    dialog.showModal();
  });
}
