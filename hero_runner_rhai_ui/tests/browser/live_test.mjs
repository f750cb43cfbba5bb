// The connection: one stream for all tabs, ends and new beginnings, proxies, tokens.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import {
    closeBrowser,
    launch,
    logLength,
    logRows,
    open,
    Place,
    startProxy,
    until,
    waitForState,
} from "./place.mjs";

const REFUSED = /Failed to load resource|ERR_|502/;
let place;

before(launch);
after(closeBrowser);
beforeEach(async () => {
    place = await Place.start();
});
afterEach(() => place.end());

const streams = async () =>
    JSON.parse((await place.request({ path: "/health", headers: { Host: "localhost" } })).body)
        .streams;

test("all tabs of a browser share one stream", async () => {
    const id = await place.start("loop { print(1); sleep(0.1); }");
    const { context, page, end } = await open();
    const pages = [page, await context.newPage(), await context.newPage()];
    for (const each of pages) await each.goto(`${place.url}sessions/${id}`);
    for (const each of pages) await each.locator(".log-row").first().waitFor();
    for (const each of pages) {
        const before = await logLength(each);
        await until("more lines in each tab", async () => (await logLength(each)) > before + 3);
    }
    assert.equal(await streams(), 1);
    for (const each of pages) {
        const rows = await logRows(each);
        rows.forEach(({ seq }, i) => assert.equal(seq, rows[0].seq + i));
    }
    await end();
});

test("a dashboard that is killed and started again loses and repeats no line", async () => {
    const id = await place.start("for i in 0..60 { print(`n${i}`); sleep(0.1); }");
    const { page, end } = await open();
    await page.goto(`${place.url}sessions/${id}`);
    await until("some lines", async () => (await logLength(page)) > 5);
    await place.kill("ui");
    await waitForState(page, "down");
    await page.locator("#banner", { hasText: "the dashboard's server does not answer" }).waitFor();
    await place.startUi();
    await waitForState(page, "live");
    await page.locator(".session-head .status.succeeded").waitFor();
    await until("all lines", async () => (await logLength(page)) === 60);
    await page.locator(".log").evaluate((log) => (log.scrollTop = 0));
    await until("the first", async () => (await logRows(page))[0]?.seq === 1);
    (await logRows(page)).forEach(({ seq, text }, i) =>
        assert.deepEqual([seq, text], [i + 1, `n${i}`]),
    );
    await end({ expected: REFUSED });
});

test("a runner that is killed is shown as down, and all goes on when it is back", async () => {
    const { page, end } = await open();
    await page.goto(place.url);
    await waitForState(page, "live");
    await place.kill("server");
    await waitForState(page, "down");
    await page.locator("#banner", { hasText: /the runner (has ended|does not answer)/ }).waitFor();
    await place.startServer();
    await waitForState(page, "live");
    assert.equal(await page.locator("#banner").count(), 0);
    const id = await place.start("1");
    await page.locator(`tr[data-id="${id}"] .status.succeeded`).waitFor();
    await end({ expected: REFUSED });
});

test("a page that is opened while the runner is down fills when it is up", async () => {
    await place.kill("server");
    const { page, end } = await open();
    await page.goto(place.url);
    await waitForState(page, "down");
    await page
        .getByText("The runner does not answer; the list comes as soon as it does.")
        .waitFor();
    await place.startServer();
    await waitForState(page, "live");
    await page.getByText("No sessions yet.").waitFor();
    await end({ expected: REFUSED });
});

test("everything works under a prefix", async () => {
    const proxy = await startProxy(place, "/hero_runner_rhai/ui");
    const { page, end } = await open();
    await page.goto(proxy.url);
    await waitForState(page, "live");
    const id = await place.start('print("under a prefix");');
    await page.locator(`tr[data-id="${id}"] a`).click();
    await page.waitForURL(`${proxy.url}sessions/${id}`);
    await page.locator(".log-row", { hasText: "under a prefix" }).waitFor();
    await page.reload();
    await page.locator(".log-row", { hasText: "under a prefix" }).waitFor();
    for (const tab of ["run", "logs", "stats", "admin", "docs"]) {
        await page.locator(`#tabs a[data-tab=${tab}]`).click();
        await until(
            tab,
            async () => (await page.locator("#view").getAttribute("data-tab")) === tab,
        );
        assert.equal(page.url(), proxy.url + tab);
    }
    await page.locator(".docs-table").first().waitFor();
    assert.deepEqual(proxy.others, []);
    await end();
    proxy.end();
});

test("behind a proxy that holds streams back it polls, says so, and shows every line", async () => {
    const proxy = await startProxy(place, "/p", { holdsBack: true });
    const { page, end } = await open();
    const id = await place.start("for i in 0..80 { print(`n${i}`); sleep(0.1); }");
    await page.goto(`${proxy.url}sessions/${id}`);
    await waitForState(page, "polling");
    await page.locator("#banner", { hasText: "holds streams back" }).waitFor();
    await page.locator(".session-head .status.succeeded").waitFor();
    await until("all lines", async () => (await logLength(page)) === 80);
    await page.locator(".log").evaluate((log) => (log.scrollTop = 0));
    await until("the first", async () => (await logRows(page))[0]?.seq === 1);
    (await logRows(page)).forEach(({ seq, text }, i) =>
        assert.deepEqual([seq, text], [i + 1, `n${i}`]),
    );
    await end();
    proxy.end();
});

test("with a token nobody gets in without it, and it leaves the address bar", async () => {
    await place.kill("ui");
    await place.startUi({ variables: { HERO_RUNNER_RHAI_UI_TOKEN: "s3cret" } });
    const { page, end } = await open();
    assert.equal((await page.goto(place.url)).status(), 401);
    await page.goto(`${place.url}run?token=s3cret`);
    assert.equal(page.url(), `${place.url}run`);
    await waitForState(page, "live");
    assert.equal(await page.evaluate(() => document.cookie), "");
    await end({ expected: /401|favicon/ }); // the page of a refusal has no icon
});

test("forged Host and Origin are refused", async () => {
    const ask = (headers, more = {}) =>
        place.request({ path: "/", headers: { Host: "localhost", ...headers }, ...more });
    assert.equal((await ask({})).status, 200);
    assert.equal((await ask({ Host: "evil.example" })).status, 421);
    const post = {
        method: "POST",
        path: "/rpc",
        body: '{"jsonrpc":"2.0","id":1,"method":"health"}',
    };
    const json = { "Content-Type": "application/json" };
    assert.equal((await ask(json, post)).status, 200);
    assert.equal((await ask({ ...json, Origin: "https://evil.example" }, post)).status, 403);
    assert.equal((await ask({ "Content-Type": "text/plain" }, post)).status, 415);
    assert.equal(
        (await ask({ Origin: "https://evil.example" }, { path: "/events?list=1" })).status,
        403,
    );
});
