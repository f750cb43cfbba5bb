/** Goes to an address below the page's base (main.js does it; views need not know it). */
export function go(path, options = {}) {
  dispatchEvent(new CustomEvent("navigate-to", { detail: { path, ...options } }));
}
