// What a log shows: hostile text, colours, very many lines.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { closeBrowser, launch, logLength, logRows, open, Place, until } from "./place.mjs";

const LINES = 100000;
let place;
let bigId;

before(async () => {
    place = await Place.start();
    bigId = (await place.run(`for i in 0..${LINES} { print(\`line \${i}\`); } ()`)).session_id;
    await launch();
});

after(async () => {
    await closeBrowser();
    await place.end();
});

test("HTML is text, and colours are colours", async () => {
    const html = "<img src=x onerror=alert(1)><script>document.title='owned'</script>";
    const script = `print("${html}"); print("\\x1b[1;31mred\\x1b[0m plain \\x1b[38;5;208morange\\x1b[0m\\x1b]0;title\\x07\\x1b[2K");`;
    const { session_id } = await place.run(script);
    const { page, end } = await open();
    await page.goto(`${place.url}sessions/${session_id}`);
    await until("both lines", async () => (await logLength(page)) === 2);
    const rows = await logRows(page);
    assert.equal(rows[0].text, html);
    assert.equal(rows[1].text, "red plain orange");
    assert.equal(await page.locator(".log img, .log script").count(), 0);
    assert.notEqual(await page.title(), "owned");
    const red = page.locator(".log-text .ansi-fg-1");
    assert.equal(await red.textContent(), "red");
    assert.equal(await red.evaluate((e) => getComputedStyle(e).fontWeight), "700");
    assert.equal(
        await page.locator(".log-text span", { hasText: "orange" }).evaluate((e) => e.style.color),
        "rgb(255, 135, 0)",
    );
    await end();
});

test(`of ${LINES} lines only those that can be seen are in the page`, async () => {
    const { page, end } = await open();
    await page.goto(`${place.url}sessions/${bigId}`);
    await until("all lines", async () => (await logLength(page)) === LINES);
    await until(
        "the last line",
        async () => (await logRows(page)).at(-1)?.text === `line ${LINES - 1}`,
    );
    assert.ok((await page.locator(".log-row").count()) < 150);
    await page.locator(".log").focus();
    await page.keyboard.press("Home");
    await until("the first line", async () => (await logRows(page))[0]?.text === "line 0");
    await page.locator(".log").evaluate((log) => (log.scrollTop = log.scrollHeight / 2));
    await until("the middle", async () =>
        (await logRows(page)).some(({ text }) => text === `line ${LINES / 2}`),
    );
    const rows = await logRows(page);
    rows.forEach(({ seq, text }) => assert.equal(text, `line ${seq - 1}`));
    await end();
});

test("scrolling through very many lines stays smooth", async () => {
    const { page, end } = await open();
    await page.goto(`${place.url}sessions/${bigId}`);
    await until("all lines", async () => (await logLength(page)) === LINES);
    const longest = await page.evaluate(async () => {
        const log = document.querySelector(".log");
        let last = performance.now();
        let longest = 0;
        for (let i = 0; i < 120; i++) {
            log.scrollTop = ((i * 7919) % 120) * (log.scrollHeight / 120);
            await new Promise(requestAnimationFrame);
            longest = Math.max(longest, performance.now() - last);
            last = performance.now();
        }
        return longest;
    });
    assert.ok(longest < 1000, `a frame took ${longest} ms`);
    await end();
});

test("text is found, counted, marked and gone through; only matches can be shown", async () => {
    const { page, end } = await open();
    await page.goto(`${place.url}sessions/${bigId}`);
    await until("all lines", async () => (await logLength(page)) === LINES);
    const search = page.getByLabel("Search the log");
    await search.fill("line 777");
    const matches = page.locator(".tool-matches");
    await until("matches", async () => (await matches.textContent()) === "111");
    await search.press("Enter");
    await page.locator(".log-row.marked mark", { hasText: "line 777" }).waitFor();
    await page.getByRole("button", { name: "Show only lines that match" }).click();
    await until("only matches", async () => (await logLength(page)) === 111);
    await page.getByRole("button", { name: "Search with a regular expression" }).click();
    await search.fill("^line \\d{2}$");
    await until("matches of the pattern", async () => (await logLength(page)) === 90);
    await search.fill("(");
    await page.locator(".tool-search.is-wrong").waitFor();
    await end();
});

test("one jumps to a line, and wrapped lines keep their places", async () => {
    const { page, end } = await open();
    const { session_id } = await place.run(
        "for i in 0..2000 { let s = `${i} `; s.pad(if i % 3 == 0 { 700 } else { 20 }, 'x'); print(s); }",
    );
    await page.goto(`${place.url}sessions/${session_id}`);
    await until("all lines", async () => (await logLength(page)) === 2000);
    await page.getByRole("button", { name: "Wrap long lines" }).click();
    await page.getByRole("button", { name: "Jump to a line or time" }).click();
    await page.getByRole("dialog").getByRole("textbox").fill("1000");
    await page.getByRole("dialog").getByRole("button", { name: "Jump" }).click();
    await page.locator(".log-row.marked .log-seq", { hasText: /^1000$/ }).waitFor();
    const overlaps = await page.evaluate(() => {
        const boxes = [...document.querySelectorAll(".log-row")]
            .map((row) => row.getBoundingClientRect())
            .sort((a, b) => a.top - b.top);
        return boxes.filter((box, i) => i && Math.abs(box.top - boxes[i - 1].bottom) > 1).length;
    });
    assert.equal(overlaps, 0);
    await end();
});

test("the download has every line", async () => {
    const { page, end } = await open({ acceptDownloads: true });
    await page.goto(`${place.url}sessions/${bigId}`);
    await page.locator(".log-row").first().waitFor();
    const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Download" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), `${bigId.slice(0, 8)}.log`);
    const lines = readFileSync(await download.path(), "utf8").split("\n");
    assert.equal(lines.length, LINES + 1);
    assert.equal(lines[LINES - 1], `line ${LINES - 1}`);
    await end();
});

test("standard output and error are told apart", async () => {
    const { session_id } = await place.run('print("out"); debug("err");');
    const { page, end } = await open();
    await page.goto(`${place.url}sessions/${session_id}`);
    await until("both", async () => (await logLength(page)) === 2);
    await page.getByLabel("Which output").selectOption("stderr");
    await until("one", async () => (await logLength(page)) === 1);
    await page.locator(".log-row.stderr", { hasText: "err" }).waitFor();
    await end();
});

test("a fast log is followed and the page stays responsive", async () => {
    const id = await place.start(
        "for s in 0..50 { for i in 0..1000 { print(`burst ${s} ${i}`); } sleep(0.1); }",
    );
    const { page, end } = await open();
    await page.goto(`${place.url}sessions/${id}`);
    await page.locator(".log-row").first().waitFor();
    const longest = await page.evaluate(async () => {
        let longest = 0;
        const limit = performance.now() + 3000;
        for (let last = performance.now(); last < limit;) {
            await new Promise((resolve) => setTimeout(resolve, 0));
            longest = Math.max(longest, performance.now() - last);
            last = performance.now();
        }
        return longest;
    });
    assert.ok(longest < 1000, `blocked for ${longest} ms`);
    await page.locator(".session-head .status.succeeded").waitFor();
    await until("every line", async () => (await logLength(page)) === 50000);
    await until("the last line", async () => (await logRows(page)).at(-1)?.text === "burst 49 999");
    await end();
});
