// A runner and a dashboard of their own, with a home of their own, and a browser looking at them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { SERVER_PROGRAM, UI_PROGRAM } = process.env;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const START_MS = 20000;
export const WAIT_MS = 20000;

export async function until(what, condition, ms = WAIT_MS) {
    const limit = Date.now() + ms;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (Date.now() > limit) assert.fail(`waited in vain for ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

export class Place {
    home = mkdtempSync("/tmp/ui_browser_");
    sockets = join(this.home, "hero/var/sockets/hero_runner_rhai");
    port = 0;

    static async start(options = {}) {
        const place = new Place();
        await place.startServer();
        await place.startUi(options);
        return place;
    }

    #spawn(program, args, log, variables = {}) {
        const file = openSync(join(this.home, log), "a");
        const env = { HOME: this.home, PATH: process.env.PATH, LANG: "C.UTF-8", ...variables };
        const child = spawn(program, args, { env, stdio: ["ignore", file, file] });
        closeSync(file);
        return child;
    }

    async startServer() {
        this.server = this.#spawn(SERVER_PROGRAM, [], "server.log");
        await until("the server", () => existsSync(join(this.sockets, "rpc.sock")), START_MS);
        const isWell = async () => {
            const answer = await this.request({
                socketPath: join(this.sockets, "rpc.sock"),
                path: "/health",
            }).catch(() => null);
            return answer?.body.includes('"ok"');
        };
        await until("the server's health", isWell, START_MS);
    }

    /** The same port again after the first time. */
    async startUi({ variables } = {}) {
        const from = existsSync(join(this.home, "ui.log"))
            ? readFileSync(join(this.home, "ui.log"), "utf8").length
            : 0;
        this.ui = this.#spawn(
            UI_PROGRAM,
            ["--listen", `127.0.0.1:${this.port}`, "--check-ms", "200"],
            "ui.log",
            variables,
        );
        const url = () =>
            /url="http:\/\/127\.0\.0\.1:(\d+)/.exec(
                readFileSync(join(this.home, "ui.log"), "utf8").slice(from),
            );
        this.port = Number((await until("the dashboard", url, START_MS))[1]);
        this.url = `http://127.0.0.1:${this.port}/`;
    }

    async kill(name, signal = "SIGKILL") {
        const child = this[name];
        this[name] = null;
        if (!child || child.exitCode !== null) return;
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill(signal);
        await ended;
    }

    async end() {
        await this.kill("ui", "SIGTERM");
        await this.kill("server", "SIGTERM");
        rmSync(this.home, { recursive: true, force: true });
    }

    request({ method = "GET", headers = {}, body, path, ...where }) {
        return new Promise((resolve, reject) => {
            const options = { host: "127.0.0.1", port: this.port, method, path, headers, ...where };
            const request = http.request(options, (response) => {
                let text = "";
                response.on("data", (part) => (text += part));
                response.on("end", () =>
                    resolve({ status: response.statusCode, headers: response.headers, body: text }),
                );
            });
            request.on("error", reject);
            request.end(body);
        });
    }

    /** A call of the runner, past the dashboard. */
    async call(method, params = {}) {
        const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
        const answer = await this.request({
            method: "POST",
            socketPath: join(this.sockets, "rpc.sock"),
            path: "/rpc",
            body,
        });
        const { result, error } = JSON.parse(answer.body);
        assert.equal(error, undefined, JSON.stringify(error));
        return result;
    }

    async start(script, more = {}) {
        return (await this.call("session_start", { script, ...more })).session_id;
    }

    run(script, more = {}) {
        return this.call("session_run", { script, ...more });
    }
}

/**
 * A proxy as hero_router is: takes /some/prefix off and names it in X-Forwarded-Prefix. holdsBack:
 * it collects a whole answer before it passes it on, so that streams never arrive.
 */
export function startProxy(place, prefix, { holdsBack = false } = {}) {
    const others = []; // requests outside of the prefix
    const server = http.createServer((request, response) => {
        if (!request.url.startsWith(`${prefix}/`)) {
            others.push(request.url);
            response.writeHead(404).end();
            return;
        }
        const options = {
            socketPath: join(place.sockets, "ui.sock"),
            method: request.method,
            path: request.url.slice(prefix.length),
            headers: { ...request.headers, "x-forwarded-prefix": prefix },
        };
        const onward = http.request(options, (answer) => {
            const parts = [];
            if (!holdsBack) {
                response.writeHead(answer.statusCode, answer.headers);
                answer.pipe(response);
                return;
            }
            answer.on("data", (part) => parts.push(part));
            answer.on("end", () => {
                const { "transfer-encoding": _, ...headers } = answer.headers;
                response.writeHead(answer.statusCode, headers).end(Buffer.concat(parts));
            });
        });
        response.on("close", () => onward.destroy());
        onward.on("error", () => response.destroy());
        request.pipe(onward);
    });
    return new Promise((resolve) => {
        server.listen(0, "127.0.0.1", () => {
            const url = `http://127.0.0.1:${server.address().port}${prefix}/`;
            resolve({ url, others, end: () => (server.closeAllConnections(), server.close()) });
        });
    });
}

let browser = null;

export async function launch() {
    browser ??= await chromium.launch({
        executablePath: CHROMIUM,
        headless: true,
        args: [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    });
    return browser;
}

export async function closeBrowser() {
    await browser?.close();
}

/**
 * A browser's profile of its own. Whatever its pages say on the console as a warning or an error is
 * collected in `said`; end() fails when there is something, but for what `expected` matches.
 */
export async function open({ width = 1440, height = 900, theme = "dark", ...more } = {}) {
    const context = await (await launch()).newContext({ viewport: { width, height }, ...more });
    context.setDefaultTimeout(WAIT_MS);
    await context.addInitScript((first) => {
        if (location.protocol === "http:" && !localStorage.getItem("theme"))
            localStorage.setItem("theme", first);
    }, theme);
    const said = [];
    context.on("page", (page) => {
        page.on("pageerror", (error) => said.push(error.stack));
        page.on("console", (message) => {
            if (["error", "warning"].includes(message.type()))
                said.push(`${message.text()} ${message.location().url}`);
        });
    });
    return {
        context,
        page: await context.newPage(),
        async end({ expected } = {}) {
            await context.close();
            assert.deepEqual(
                said.filter((text) => !expected?.test(text)),
                [],
            );
        },
    };
}

/** The state of the connection as the page shows it. */
export async function waitForState(page, state) {
    await page.locator(`#connection[data-state=${state}]`).waitFor();
}

/** Numbers and texts of the rows of a log that exist in the page. */
export function logRows(page) {
    return page.evaluate(() =>
        [...document.querySelectorAll(".log-row:not(.gap)")]
            .map((row) => ({
                seq: Number(row.querySelector(".log-seq").textContent),
                text: row.querySelector(".log-text").textContent,
            }))
            .sort((a, b) => a.seq - b.seq),
    );
}

/** How many lines a log view holds. */
export async function logLength(page) {
    return Number(await page.locator(".log").getAttribute("data-rows"));
}

export async function setScript(page, text) {
    await page.locator(".cm-content").click();
    await page.keyboard.press("Control+a");
    await page.keyboard.press("Delete");
    await page.keyboard.insertText(text);
}
