// Every tab: its address, its content, for keyboards, screen readers and phones.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { closeBrowser, launch, open, Place, until, waitForState } from "./place.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let place;
let failedId;

before(async () => {
    place = await Place.start();
    await place.run('print("hello"); debug("warned"); 42', { tags: ["nightly"] });
    failedId = (await place.run("let x = 1;\nx + nope")).session_id;
    await place.start("loop { print(1); sleep(0.2); }");
    await launch();
});

after(async () => {
    await closeBrowser();
    await place.end();
});

const tabs = () => ({
    sessions: { path: "sessions", ready: "table.list tbody tr" },
    session: { path: `sessions/${failedId}`, ready: ".session-side .error-text" },
    run: { path: "run", ready: ".cm-content" },
    logs: { path: `logs?s=${failedId}`, ready: ".log-tools" },
    stats: { path: "stats", ready: ".u-over" },
    admin: { path: "admin", ready: ".facts dt" },
    docs: { path: "docs/session_start", ready: ".docs-table tbody tr" },
});

test("each tab has an address; reload, back and forward work", async () => {
    const { page, end } = await open();
    await page.goto(place.url);
    const titles = ["Sessions", "Run Script", "Logs", "Stats", "Admin", "Docs"];
    const paths = ["sessions", "run", "logs", "stats", "admin", "docs"];
    for (let i = 0; i < titles.length; i++) {
        await page.locator("#tabs").getByRole("link", { name: titles[i] }).click();
        await page.waitForURL(place.url + paths[i]);
        await until(
            titles[i],
            async () => (await page.locator("#view").getAttribute("data-tab")) === paths[i],
        );
        assert.equal(await page.title(), `${titles[i]} · Rhai runner`);
    }
    await page.goBack();
    await until(
        "Admin",
        async () => (await page.locator("#view").getAttribute("data-tab")) === "admin",
    );
    await page.reload();
    await until(
        "Admin",
        async () => (await page.locator("#view").getAttribute("data-tab")) === "admin",
    );
    await page.goForward();
    await until(
        "Docs",
        async () => (await page.locator("#view").getAttribute("data-tab")) === "docs",
    );
    await end();
});

for (const theme of ["dark", "light"]) {
    test(`no tab has a serious finding of axe-core, ${theme}`, async () => {
        const { page, end } = await open({ theme, bypassCSP: true });
        for (const [name, { path, ready }] of Object.entries(tabs())) {
            await page.goto(place.url + path);
            await page.locator(ready).first().waitFor();
            await page.evaluate(axe);
            const { violations } = await page.evaluate(() => window.axe.run());
            const serious = violations.filter(({ impact }) =>
                ["serious", "critical"].includes(impact),
            );
            const found = serious.map(
                ({ id, nodes }) =>
                    `${name}: ${id}: ${nodes
                        .map(({ html }) => html)
                        .slice(0, 3)
                        .join(" ")}`,
            );
            assert.deepEqual(found, []);
        }
        await end();
    });
}

test("no tab is wider than a phone", async () => {
    const { page, end } = await open({ width: 390, height: 844 });
    for (const [name, { path, ready }] of Object.entries(tabs())) {
        await page.goto(place.url + path);
        await page.locator(ready).first().waitFor();
        const width = await page.evaluate(() =>
            Math.max(document.body.scrollWidth, document.getElementById("view").scrollWidth),
        );
        assert.ok(width <= 390, `${name} is ${width} pixels wide`);
    }
    await end();
});

test("the theme is remembered", async () => {
    const { context, page, end } = await open();
    await page.goto(place.url);
    await page.getByRole("button", { name: "Switch theme" }).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.bsTheme), "light");
    const other = await context.newPage();
    await other.goto(place.url);
    assert.equal(await other.evaluate(() => document.documentElement.dataset.bsTheme), "light");
    await end();
});

test("the sidebar shows workers, sessions, queue, memory and CPU", async () => {
    const { page, end } = await open();
    await page.goto(place.url);
    await waitForState(page, "live");
    const figures = page.locator(".figure");
    assert.deepEqual(await figures.locator(".figure-title").allTextContents(), [
        "Workers",
        "Sessions",
        "Queue",
        "Memory",
        "CPU",
    ]);
    await until("figures", async () =>
        /^\d+ idle/.test(await figures.first().locator("strong").textContent()),
    );
    await until(
        "sparklines",
        async () => (await page.locator(".sparkline .line[d]").count()) === 5,
    );
    await end();
});

test("Stats draws a chart for each figure, and has them again after a reload", async () => {
    const { page, end } = await open();
    await page.goto(`${place.url}stats`);
    for (let round = 0; round < 2; round++) {
        await until("charts", async () => (await page.locator(".chart .u-over").count()) === 6);
        const over = page.locator(".chart .u-over").nth(1);
        const box = await over.boundingBox();
        await until("values under the pointer", async () => {
            await page.mouse.move(box.x + box.width - 2 - Math.random() * 3, box.y + 20);
            return (
                (await page.locator(".chart").nth(1).locator(".u-value").nth(1).textContent()) ===
                "1"
            );
        });
        if (round === 0) await page.reload();
    }
    await end();
});

test("Admin shows health and settings, and stops all after a question", async () => {
    const { page, end } = await open();
    await page.goto(`${place.url}admin`);
    await page.locator(".card-section .status.succeeded").waitFor();
    await page.locator("tr", { hasText: "HERO_RUNNER_RHAI_WORKERS" }).waitFor();
    await page.getByText("no hero_proc answers").waitFor();
    const id = await place.start("loop { sleep(1.0); }");
    await page.getByRole("button", { name: "Stop all" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    assert.equal((await place.call("session_get", { session_id: id })).status, "running");
    await page.getByRole("button", { name: "Stop all" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Stop all" }).click();
    await until(
        "the end",
        async () => (await place.call("session_get", { session_id: id })).status === "cancelled",
    );
    await end();
});

test("Docs describe each method, with a curl line and a form that calls it", async () => {
    const { page, end } = await open();
    await page.goto(`${place.url}docs/session_run`);
    await page.locator(".docs-title", { hasText: "session_run" }).waitFor();
    const line = await page.locator(".curl pre").textContent();
    assert.match(
        line,
        /^curl --unix-socket .*rpc\.sock http:\/\/localhost\/rpc -d '\{"jsonrpc":"2\.0"/,
    );
    const form = page.locator("form.try");
    await form
        .getByLabel("script *")
        .or(form.getByLabel(/^script[^_]/))
        .first()
        .fill("6 * 7");
    await form.getByRole("button", { name: "Call" }).click();
    await page.locator(".try-output", { hasText: "value: 42" }).waitFor();
    const { methods } = await place.call("rpc.discover");
    for (const { name } of methods)
        assert.equal(
            await page.locator(".docs-list a", { hasText: new RegExp(`^${name}$`) }).count(),
            1,
            name,
        );
    await page.locator(".docs-list a", { hasText: "(" }).first().click();
    await page.locator(".functions dt").first().waitFor();
    await end();
});
