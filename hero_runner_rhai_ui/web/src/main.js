// The frame of the page: bar, sidebar, tabs, and which view is open.
import "bootstrap/dist/css/bootstrap.min.css";
import "uplot/dist/uPlot.min.css";
import "./styles/frame.css";
import "./styles/views.css";
import "./styles/log.css";
import { fill, h, icon } from "./base/dom.js";
import { clock } from "./base/format.js";
import { toastError } from "./base/toast.js";
import { live } from "./live/live.js";
import { startSidebar } from "./sidebar.js";
import sessionsIcon from "bootstrap-icons/icons/list-task.svg";
import runIcon from "bootstrap-icons/icons/play-circle.svg";
import logsIcon from "bootstrap-icons/icons/journal-text.svg";
import statsIcon from "bootstrap-icons/icons/graph-up.svg";
import adminIcon from "bootstrap-icons/icons/sliders.svg";
import docsIcon from "bootstrap-icons/icons/book.svg";
import refreshIcon from "bootstrap-icons/icons/arrow-clockwise.svg";
import darkIcon from "bootstrap-icons/icons/moon-stars.svg";
import lightIcon from "bootstrap-icons/icons/sun.svg";

// A view module exports open(container, { path, query }) → { close?(), refresh?(), update?(route) }.
// `path` is what follows the tab's own. The server knows these addresses too (src/page.c).
const tabs = [
  {
    path: "sessions",
    title: "Sessions",
    icon: sessionsIcon,
    load: () => import("./tabs/sessions.js"),
  },
  { path: "run", title: "Run Script", icon: runIcon, load: () => import("./tabs/run.js") },
  { path: "logs", title: "Logs", icon: logsIcon, load: () => import("./tabs/logs.js") },
  { path: "stats", title: "Stats", icon: statsIcon, load: () => import("./tabs/stats.js") },
  { path: "admin", title: "Admin", icon: adminIcon, load: () => import("./tabs/admin.js") },
  { path: "docs", title: "Docs", icon: docsIcon, load: () => import("./tabs/docs.js") },
];

const view = document.getElementById("view");
let open = null; // { tab, module's handle }
let opening = 0;

// ---- addresses ----------------------------------------------------------------------------------

function routeOf(url) {
  const base = new URL(document.baseURI).pathname;
  const [first, ...rest] = url.pathname.slice(base.length).split("/").filter(Boolean);
  const tab = tabs.find(({ path }) => path === (first ?? "sessions")) ?? tabs[0];
  return { tab, path: rest.map(decodeURIComponent).join("/"), query: url.searchParams };
}

async function show() {
  const route = routeOf(new URL(location.href));
  const turn = ++opening;
  for (const link of document.querySelectorAll("#tabs a")) {
    if (link.dataset.tab === route.tab.path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${route.tab.title} · Rhai runner`;
  if (open?.tab === route.tab && open.handle.update?.(route)) return;
  try {
    const module = await route.tab.load();
    if (turn !== opening) return;
    open?.handle.close?.();
    view.replaceChildren();
    view.dataset.tab = route.tab.path;
    open = { tab: route.tab, handle: module.open(view, route) };
  } catch (error) {
    toastError(error);
  }
}

/** Goes to an address below the page's base, as if a link had been followed. */
function navigate(path, { replace = false } = {}) {
  const url = new URL(path, document.baseURI);
  if (url.href !== location.href) history[replace ? "replaceState" : "pushState"](null, "", url);
  show();
}

addEventListener("navigate-to", ({ detail }) => navigate(detail.path, detail));
addEventListener("popstate", show);
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.target || link.download || !link.href.startsWith(document.baseURI)) return;
  if (link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  navigate(link.href);
});

// ---- bar ----------------------------------------------------------------------------------------

const states = { live: "live", polling: "polling", down: "down", connecting: "connecting" };

function showState() {
  const element = document.getElementById("connection");
  element.dataset.state = live.state;
  element.querySelector(".label").textContent = states[live.state];
  element.title = live.why || "events arrive as they happen";
  const banner = document.getElementById("banner");
  const text = { down: live.why, polling: `Asking again and again: ${live.why}.` }[live.state];
  if (!text) banner?.remove();
  else if (!banner)
    view.before(h("div", { id: "banner", class: `banner ${live.state}`, role: "status" }, text));
  else {
    banner.className = `banner ${live.state}`;
    banner.textContent = text;
  }
}

function theme() {
  return document.documentElement.dataset.bsTheme;
}

function showTheme() {
  fill(document.getElementById("theme"), icon(theme() === "dark" ? lightIcon : darkIcon));
}

function startBar() {
  const time = document.getElementById("clock");
  const tick = () => {
    time.textContent = clock(Date.now());
    setTimeout(tick, 1000 - (Date.now() % 1000));
  };
  tick();
  fill(document.getElementById("refresh"), icon(refreshIcon)).addEventListener("click", () => {
    live.retry();
    open?.handle.refresh?.();
  });
  showTheme();
  document.getElementById("theme").addEventListener("click", () => {
    document.documentElement.dataset.bsTheme = theme() === "dark" ? "light" : "dark";
    localStorage.setItem("theme", theme());
    showTheme();
    dispatchEvent(new Event("themechange"));
  });
}

fill(
  document.getElementById("tabs"),
  tabs.map((tab) =>
    h(
      "a",
      { href: tab.path, dataset: { tab: tab.path } },
      icon(tab.icon),
      h("span", null, tab.title),
    ),
  ),
);
startBar();
startSidebar(document.getElementById("sidebar"));
live.on("state", showState);
live.on("reset", () => open?.handle.refresh?.());
show();
