// Measures the dashboard in a browser, and its server's memory.
import { readFileSync } from "node:fs";
import http from "node:http";
import {
    closeBrowser,
    launch,
    open,
    Place,
    until,
} from "../../hero_runner_rhai_ui/tests/browser/place.mjs";

const ROUNDS = 7;
const STREAMS = 50;
const KB = 1000;
const MIB = 1024 * 1024;

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const load = () => readFileSync("/proc/loadavg", "utf8").split(" ")[0];

/** Bytes over the wire, and ms from the navigation until the list is there and input is answered. */
async function firstLoad(place, path, ready) {
    const { page, end } = await open();
    const session = await page.context().newCDPSession(page);
    let bytes = 0;
    await session.send("Network.enable");
    session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
    await page.goto(place.url + path, { waitUntil: "commit" });
    const ms = await page.evaluate(
        (selector) =>
            new Promise((resolve) => {
                const look = () => {
                    if (!document.querySelector(selector)) requestAnimationFrame(look);
                    else setTimeout(() => resolve(performance.now()), 0); // after what is still to run
                };
                look();
            }),
        ready,
    );
    await page.waitForLoadState("load");
    await end();
    return { bytes, ms };
}

function residentBytes(pid) {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
}

function openStream(place) {
    return new Promise((resolve, reject) => {
        const request = http.get({
            host: "127.0.0.1",
            port: place.port,
            path: "/events?list=1",
            headers: { Host: "localhost" },
        });
        request.on("response", (response) =>
            response.once("data", () => (response.resume(), resolve(request))),
        );
        request.on("error", reject);
    });
}

async function memory(place) {
    const streams = await Promise.all(Array.from({ length: STREAMS }, () => openStream(place)));
    const health = () => place.request({ path: "/health", headers: { Host: "localhost" } });
    await until("all streams", async () => JSON.parse((await health()).body).streams >= STREAMS);
    // Some traffic on each of them.
    for (let i = 0; i < 200; i++) await place.run(`print("${"x".repeat(200)}");`);
    const bytes = residentBytes(place.ui.pid);
    for (const stream of streams) stream.destroy();
    return bytes;
}

const rows = [];
const row = (what, value, limit, unit) =>
    rows.push({ what, value, limit, unit, isMet: limit === null || value <= limit });

const before = load();
const place = await Place.start();
await place.run("print(1); 2");
await launch();
const pages = { sessions: ["", "table.list tbody tr"], run: ["run", ".cm-content"] };
for (const [name, [path, ready]] of Object.entries(pages)) {
    const rounds = [];
    for (let i = 0; i < ROUNDS; i++) rounds.push(await firstLoad(place, path, ready));
    row(`first load, ${name}: bytes`, median(rounds.map(({ bytes }) => bytes)) / KB, 250, "KB");
    row(`first load, ${name}: interactive`, median(rounds.map(({ ms }) => ms)), 1000, "ms");
}
await closeBrowser();
row("memory of the server", residentBytes(place.ui.pid) / MIB, null, "MiB");
row(`memory of the server with ${STREAMS} streams`, (await memory(place)) / MIB, 8, "MiB");
await place.end();

console.log(`load average before ${before}, after ${load()}; medians of ${ROUNDS}`);
for (const { what, value, limit, unit, isMet } of rows) {
    const target = limit === null ? "" : `  (at most ${limit})${isMet ? "" : "  MISSED"}`;
    console.log(`${what.padEnd(42)} ${value.toFixed(1).padStart(8)} ${unit}${target}`);
}
process.exit(rows.every(({ isMet }) => isMet) ? 0 : 1);
