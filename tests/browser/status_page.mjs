// SPDX-License-Identifier: MIT OR Apache-2.0
//
// status_page.mjs HTTP_ECHO [--pictures FOLDER]: the status page of http_echo in a real browser.
//
// Each check is a line; the last one is RESULT. With --pictures it makes pictures under load
// instead: narrow and wide, light and dark. playwright-core is looked for in $KEVY_BROWSER.
import {spawn} from "node:child_process";
import {once} from "node:events";
import {mkdtempSync, rmSync} from "node:fs";
import {createRequire} from "node:module";
import net from "node:net";
import {tmpdir} from "node:os";
import {join} from "node:path";

const require = createRequire(join(process.env.KEVY_BROWSER, "package.json"));
const {chromium} = require("playwright-core");
const [program, , pictures] = process.argv.slice(2);
const PATIENCE_MS = 20000;

// Starts the server. Resolves when it serves.
const start = (status) => new Promise((resolve, reject) => {
    const child = spawn(program, ["--port=0", `--status=${status}`, "--threads=2"],
                        {stdio: ["ignore", "pipe", "inherit"]});
    let said = "";
    child.stdout.on("data", (bytes) => {
        said += bytes;
        const at = said.match(/serving http:[^;]*:(\d+)\/;[^]*status at http:[^]*:(\d+)\//);
        if (at)
            resolve({child, port: Number(at[1]), status: Number(at[2])});
    });
    child.on("exit", (code) => reject(new Error(`http_echo ended with ${code}: ${said}`)));
});

const stop = async (server) => {
    server.child.removeAllListeners("exit");
    server.child.kill("SIGTERM");
    await once(server.child, "exit");
};

// Clients that ask again and again, some of them for what is refused.
const load = (port, count, size) => {
    const body = "x".repeat(size);
    const post = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${body}`;
    const refused = ["GET / HTTP/1.1\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "\x01",
                     "GET /a HTTP/2.0\r\nHost: a\r\n\r\n"];
    let going = true;
    const sockets = new Set();
    const dial = (each) => {
        const socket = net.connect(port, "127.0.0.1", () => each(socket));
        sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => sockets.delete(socket));
        return socket;
    };
    for (let i = 0; i < count; i++) {
        const socket = dial((s) => s.write(post));
        socket.on("data", () => going && socket.write(post));
    }
    const timer = setInterval(() => {
        const text = refused[Math.floor(Math.random() * refused.length)];
        dial((s) => s.write(text)).resume();
    }, 100);
    return () => {
        going = false;
        clearInterval(timer);
        sockets.forEach((s) => s.destroy());
    };
};

const launch = async (folder) => {
    const context = await chromium.launchPersistentContext(folder, {
        executablePath: "/usr/bin/chromium",
        headless: true,
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
    context.setDefaultTimeout(PATIENCE_MS);
    return context;
};

const folder = mkdtempSync(join(tmpdir(), "kevy-browser-"));
const context = await launch(folder);
let server = await start(0);
const page = await context.newPage();
const faults = []; // what the page or its policy complains of
page.on("pageerror", (error) => faults.push(String(error)));
page.on("console", (message) => {
    if (message.type() === "error" && !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE/.test(message.text()))
        faults.push(message.text());
});
const elsewhere = []; // requests to other places
page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.host !== `127.0.0.1:${server.status}`)
        elsewhere.push(request.url());
});

const value = (title) => page.evaluate((title) => {
    const card = [...document.querySelectorAll(".card")].find(
        (c) => c.querySelector("h3").textContent === title);
    return card.querySelector(".value").textContent;
}, title);
const until = (what, argument) => page.waitForFunction(what, argument, {timeout: PATIENCE_MS});
const moves = () => until(() => /[1-9]/.test(document.querySelector(".value").textContent));

let passed = 0, failed = 0;
const check = (name, good, more = "") => {
    good ? passed++ : failed++;
    console.log(`${good ? "ok  " : "FAIL"} ${name}${good ? "" : `: ${more}`}`);
};

// All of a page's width is in view, and no card's number is cut.
const fits = () => page.evaluate(() => ({
    wide: document.documentElement.scrollWidth <= innerWidth &&
          [...document.querySelectorAll(".scroll")].every((e) => e.scrollWidth <= e.clientWidth),
    cut: [...document.querySelectorAll(".card, .card *")].filter(
        (e) => e.getBoundingClientRect().right >
               e.closest(".card").getBoundingClientRect().right).map((e) => e.outerHTML),
}));

// The same once the page has been told its width and has drawn again, however long that takes.
const fitted = async () => {
    const end = Date.now() + PATIENCE_MS;
    let seen = await fits();
    while (!(seen.wide && seen.cut.length === 0) && Date.now() < end) {
        await page.waitForTimeout(100);
        seen = await fits();
    }
    return seen;
};

// The contrast of the text with what is behind it, after WCAG 2.
const contrast = (selector) => page.evaluate((selector) => {
    const light = (color) => {
        const [r, g, b] = color.match(/[\d.]+/g).map((n) => n / 255).map(
            (c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let behind = document.querySelector(selector);
    const text = light(getComputedStyle(behind).color);
    while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)")
        behind = behind.parentElement;
    const ground = light(getComputedStyle(behind).backgroundColor);
    return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
}, selector);

async function test() {
    await page.goto(`http://127.0.0.1:${server.status}/`);
    let end = load(server.port, 8, 100);
    await moves();
    check("the page moves under load", true);
    await until(() => document.querySelectorAll("#causes tbody tr").length > 0);
    check("refusals are told by cause", true);
    check("each thread has a row", await page.locator("#threads tbody tr").count() === 2);
    check("the kernel is named", /kernel (io_uring|soft)/.test(await page.textContent("#kernel")));
    check("the title has the rate", /\/s · http_echo/.test(await page.title()));

    for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({colorScheme});
        for (const selector of [".card h3", ".value", ".note", ".chart span", "#facts", "footer"]) {
            const ratio = await contrast(selector);
            check(`${selector} is legible in the ${colorScheme}`, ratio >= 4.5, `${ratio} to 1`);
        }
        for (const width of [360, 1280]) {
            await page.setViewportSize({width, height: 800});
            const {wide, cut} = await fitted();
            check(`it fits ${width} pixels, ${colorScheme}`, wide && cut.length === 0,
                  `${wide} ${cut}`);
        }
    }

    // Without a mouse.
    const focus = () => page.evaluate(() => document.activeElement.id);
    await page.keyboard.press("Tab");
    check("the first stop is the kernel", await focus() === "kernel");
    await page.keyboard.press("Enter");
    check("which says why it is that one", await page.isVisible("#why") &&
          (await page.textContent("#why")).length > 20);
    await page.keyboard.press("Tab");
    check("the next stop is the button", await focus() === "pause");
    await page.keyboard.press("Space");
    check("it pauses", await page.getAttribute("#pause", "aria-pressed") === "true");
    const before = await value("Requests");
    await page.waitForTimeout(1200);
    check("and nothing moves", await value("Requests") === before);
    await page.keyboard.press("p");
    check("P goes on", await page.getAttribute("#pause", "aria-pressed") === "false");
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowLeft");
    check("the arrow keys look back", /s ago/.test(await page.textContent("#when")));
    await page.keyboard.press("Escape");
    check("Escape is now", await page.textContent("#when") === "now");

    // A restart.
    end();
    await stop(server);
    await until(() => document.getElementById("state").dataset.state === "lost");
    check("a server that is away is told", true);
    server = await start(server.status);
    end = load(server.port, 8, 100);
    await until(() => document.getElementById("state").dataset.state === "live" &&
                      /1 restart seen/.test(document.getElementById("facts").textContent));
    check("the page comes back after a restart", true);
    await until(() => document.querySelectorAll(".chart line.start").length > 0);
    check("the charts have a gap there", true);
    await moves();
    check("and no rate is negative",
          !/-\d/.test(await page.textContent("#charts")), await page.textContent("#charts"));
    end();
    check("nothing was loaded from elsewhere", elsewhere.length === 0, elsewhere);
    check("the browser has nothing to complain of", faults.length === 0, faults);
}

async function draw() {
    const end = load(server.port, 24, 2000);
    await page.goto(`http://127.0.0.1:${server.status}/`);
    await page.waitForTimeout(Number(process.env.KEVY_PICTURE_SECONDS || 50) * 1000);
    for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({colorScheme});
        for (const width of [390, 1280]) {
            await page.setViewportSize({width, height: 720});
            await page.waitForTimeout(1100);
            const path = `${pictures}/${colorScheme}_${width}.png`;
            await page.screenshot({path, fullPage: true});
        }
    }
    end();
}

try {
    await (pictures ? draw() : test());
} catch (error) {
    check("the test comes to its end", false, error);
} finally {
    await context.close();
    await stop(server);
    rmSync(folder, {recursive: true, force: true});
}
console.log(`RESULT status_page: ${passed} passed, ${failed} failed, 0 skipped`);
process.exit(failed ? 1 : 0);
