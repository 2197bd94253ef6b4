// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Draws /events: one event a second, each with all counters.
//
// Model. A point is what happened between two events: `rates` for counters, by the server's own
// clock, and the values of the gauges. The last points are kept, and every chart draws the same
// ones, in the smallest window that has room for them. When the server was started again, its
// counters begin again: the charts get a gap.
//
// Invariants.
// - A rate is never negative: a counter that went back gives no point.
// - The page asks again until it is answered, however long the server is away.
"use strict";

(() => {
    const WINDOWS = [30, 60, 120]; // seconds
    const POINTS = WINDOWS[WINDOWS.length - 1];
    const PATIENCE_MS = 5000; // without an event
    const HEIGHT = 40;
    const SVG = "http://www.w3.org/2000/svg";

    const points = []; // newest last; null is a gap
    let width = WINDOWS[0] - 1; // of a chart; a point has 1
    let last = null; // the event before
    let source = null;
    let heard = 0; // when, by performance.now()
    let cursor = 0; // points before the newest
    let paused = false;
    let restarts = 0;

    const $ = (id) => document.getElementById(id);

    const make = (parent, name, attributes = {}, text = "") => {
        const element = name === "svg" || parent.namespaceURI === SVG
            ? document.createElementNS(SVG, name) : document.createElement(name);
        for (const [key, value] of Object.entries(attributes))
            element.setAttribute(key, value);
        element.textContent = text;
        parent.append(element);
        return element;
    };

    // Three digits, and a letter for thousands.
    const digits = (number) =>
        number >= 99.95 || Number.isInteger(number) ? number.toFixed(0)
            : number >= 9.95 ? number.toFixed(1) : number.toFixed(2);

    const scaled = (number, base, units, small) => {
        let unit = 0;
        while (number >= (unit ? 999.5 : small) && unit < units.length - 1) {
            number /= base;
            unit++;
        }
        return [digits(number), units[unit]];
    };
    const plain = (number) => scaled(number, 1000, ["", "k", "M", "G", "T"], 9999.5);
    const bytes = (number) => scaled(number, 1024, ["B", "KiB", "MiB", "GiB", "TiB"], 999.5);
    const time = (seconds) =>
        seconds >= 1 ? [digits(seconds), "s"]
            : seconds >= 1e-3 ? [digits(seconds * 1e3), "ms"] : [digits(seconds * 1e6), "µs"];

    const spell = (format, number, per = "") => {
        const [text, unit] = format(number);
        return `${text} ${unit}${per}`.replace(/ $/, "");
    };

    const sum = (object) => Object.values(object).reduce((a, b) => a + b, 0);

    // A card: its values of a point `p` (rates) and of the counters `c`, and how they are spelled.
    const cards = [
        {title: "Requests", per: "/s", format: plain, of: (p) => [p.requests],
         note: (p) => `${spell(plain, p.total.requests_total)} in all`},
        {title: "Connections open", format: plain, of: (p) => [p.total.open_connections],
         note: (p) => `${spell(plain, p.connections)}/s new`},
        {title: "Bytes in, out", per: "/s", format: bytes, of: (p) => [p.received, p.sent]},
        {title: "Refused, timed out", per: "/s", format: plain, of: (p) => [p.refusals, p.timeouts],
         note: (p) => `${spell(plain, sum(p.total.refusals_total))}, ` +
                      `${spell(plain, sum(p.total.timeouts_total))} in all`},
        {title: "Starvations", per: "/s", format: plain, of: (p) => [p.starvations],
         note: (p) => `${spell(plain, p.total.starvations_total)} in all`},
        {title: "Turns", per: "/s", format: plain, of: (p) => [p.turns]},
        {title: "Completions a turn", format: plain, of: (p) => [p.perTurn]},
        {title: "Longest turn", format: time, of: (p) => [p.total.turn_longest_recent_seconds],
         note: (p) => `${spell(time, p.total.turn_longest_seconds)} since the start`},
        {title: "Buffers lent", format: plain, of: (p) => [p.total.buffers_lent],
         note: (p) => `of ${spell(plain, p.buffers)}`},
        {title: "Memory", format: bytes, of: (p) => [p.total.memory_bytes],
         note: (p) => `of ${spell(bytes, p.total.memory_limit_bytes)}`},
    ];

    for (const card of cards) {
        const box = make($("charts"), "div", {class: "card"});
        make(box, "h3", {}, card.title);
        card.value = make(box, "p", {class: "value"});
        const chart = make(box, "div", {class: "chart"});
        card.svg = make(chart, "svg", {preserveAspectRatio: "none", "aria-hidden": "true"});
        card.most = make(chart, "span");
        card.note = {text: make(box, "p", {class: "note"}), of: card.note};
        card.base = make(card.svg, "line", {x1: 0, y1: HEIGHT, y2: HEIGHT});
        card.area = make(card.svg, "path", {class: "area"});
        card.first = make(card.svg, "path");
        card.second = make(card.svg, "path", {class: "second"});
        card.starts = make(card.svg, "g");
        card.cursor = make(card.svg, "line", {class: "cursor", y1: 0, y2: HEIGHT});
    }

    // The next number of the form 1, 2 or 5 times a power of ten; for bytes in KiB, MiB and so on.
    const roundUp = (number, format) => {
        const unit = format === bytes ? 1024 ** Math.floor(Math.log(number) / Math.log(1000)) : 1;
        const power = unit * 10 ** Math.floor(Math.log10(number / unit));
        return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= number * 0.999);
    };

    // The path of the values, interrupted where there are none. A value alone is a dot.
    const path = (values, most) => {
        let text = "", inside = false;
        values.forEach((value, i) => {
            if (value !== null)
                text += `${inside ? "L" : "M"}${width - values.length + 1 + i} ` +
                        `${(HEIGHT - HEIGHT * value / most).toFixed(2)}${inside ? "" : "h0"}`;
            inside = value !== null;
        });
        return text;
    };

    const area = (values, most) => {
        let text = "";
        let from = -1;
        const x = (i) => width - values.length + 1 + i;
        for (let i = 0; i <= values.length; i++) {
            const there = i < values.length && values[i] !== null;
            if (there && from < 0)
                from = i;
            if (there || from < 0)
                continue;
            text += path(values.map((v, j) => j >= from && j < i ? v : null), most) +
                    `L${x(i - 1)} ${HEIGHT}L${x(from)} ${HEIGHT}Z`;
            from = -1;
        }
        return text;
    };

    const drawCard = (card, at) => {
        const all = points.map((p) => p && card.of(p));
        const most = roundUp(Math.max(1e-6, ...all.filter(Boolean).flat()), card.format);
        const lines = all.some((v) => v && v.length > 1) ? 2 : 1;
        const first = all.map((v) => v && v[0]);
        card.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
        card.base.setAttribute("x2", width);
        card.first.setAttribute("d", path(first, most));
        card.area.setAttribute("d", area(first, most));
        card.second.setAttribute("d", lines > 1 ? path(all.map((v) => v && v[1]), most) : "");
        card.most.textContent = most > 1e-6 ? spell(card.format, most, card.per) : "";
        card.starts.replaceChildren();
        all.forEach((v, i) => {
            const x = width - all.length + 1 + i;
            if (v === null)
                make(card.starts, "line", {class: "start", x1: x, x2: x, y1: 0, y2: HEIGHT});
        });
        card.cursor.toggleAttribute("hidden", cursor === 0);
        card.cursor.setAttribute("x1", width - cursor);
        card.cursor.setAttribute("x2", width - cursor);
        card.value.parentElement.classList.toggle("two", lines > 1);
        card.value.replaceChildren();
        card.note.text.textContent = at && card.note.of ? card.note.of(at) : "";
        (at ? card.of(at) : [null]).forEach((value, i) => {
            const [text, unit] = value === null ? ["–", ""] : card.format(value);
            const span = make(card.value, "span", {class: i ? "second" : "first"}, text);
            if (value !== null)
                make(span, "small", {}, ` ${unit}${card.per || ""}`);
        });
    };

    // Texts into a part of a table; all cells of its head are headings.
    const fill = (part, rows) => {
        const head = part.tagName === "THEAD";
        while (part.rows.length > rows.length)
            part.deleteRow(-1);
        rows.forEach((cells, i) => {
            const row = part.rows[i] || part.insertRow();
            while (row.cells.length > cells.length)
                row.deleteCell(-1);
            cells.forEach((text, j) => {
                const scope = head ? {scope: "col"} : j ? {} : {scope: "row"};
                const cell = row.cells[j] || make(row, head || !j ? "th" : "td", scope);
                cell.textContent = text;
            });
        });
    };

    const columns = [
        ["open", (r, c) => spell(plain, c.open_connections)],
        ["requests/s", (r) => spell(plain, r.requests)],
        ["in", (r) => spell(bytes, r.received, "/s")],
        ["out", (r) => spell(bytes, r.sent, "/s")],
        ["refused/s", (r) => spell(plain, r.refusals)],
        ["timed out/s", (r) => spell(plain, r.timeouts)],
        ["turns/s", (r) => spell(plain, r.turns)],
        ["a turn", (r) => spell(plain, r.perTurn)],
        ["longest", (r, c) => spell(time, c.turn_longest_recent_seconds)],
        ["buffers", (r, c) => spell(plain, c.buffers_lent)],
        ["memory", (r, c) => spell(bytes, c.memory_bytes)],
        ["starved/s", (r) => spell(plain, r.starvations)],
    ];
    const narrow = matchMedia("(max-width: 50rem)");

    // A row for each thread; where there is no room for so many columns, a column.
    const drawThreads = (at) => {
        let rows = [["thread", ...columns.map(([title]) => title)]];
        at.threads.forEach(([rates, counters], i) =>
            rows.push([String(i), ...columns.map(([, text]) => text(rates, counters))]));
        if (narrow.matches)
            rows = rows[0].map((_, i) => rows.map((row) => row[i]));
        fill($("threads").tHead, rows.slice(0, 1));
        fill($("threads").tBodies[0], rows.slice(1));
    };

    const drawTables = (at) => {
        const causes = [];
        const words = {refusals_total: "refused", timeouts_total: "time limit"};
        for (const name of Object.keys(words))
            for (const [cause, count] of Object.entries(at.total[name]))
                if (count)
                    causes.push([`${words[name]}: ${cause.replace(/_/g, " ")}`, spell(plain, count),
                                 spell(plain, at.causes[name][cause])]);
        fill($("causes").tBodies[0], causes);
        $("causes").parentElement.hidden = causes.length === 0;
        $("none").hidden = causes.length > 0;
        drawThreads(at);
    };

    const draw = () => {
        const at = points[points.length - 1 - cursor] || null;
        width = WINDOWS.find((n) => n >= points.length) - 1;
        for (const card of cards)
            drawCard(card, at);
        if (at)
            drawTables(at);
        $("when").textContent = cursor ? `${cursor} s ago` : "now";
        if (at && !cursor)
            document.title = `${spell(plain, at.requests)}/s · http_echo`;
    };

    // The rates between two states of the counters; null when one of them went back.
    const ratesOf = (now, then, seconds) => {
        const rate = (value) => (value(now) - value(then)) / seconds;
        const rates = {
            requests: rate((c) => c.requests_total),
            connections: rate((c) => c.connections_total),
            received: rate((c) => c.received_bytes_total),
            sent: rate((c) => c.sent_bytes_total),
            refusals: rate((c) => sum(c.refusals_total)),
            timeouts: rate((c) => sum(c.timeouts_total)),
            starvations: rate((c) => c.starvations_total),
            turns: rate((c) => c.turns_total),
            completions: rate((c) => c.completions_total),
        };
        rates.perTurn = rates.turns ? rates.completions / rates.turns : 0;
        return Object.values(rates).some((r) => r < 0) ? null : rates;
    };

    const pointOf = (now, then) => {
        const seconds = now.time_seconds - then.time_seconds;
        const rates = seconds > 0 ? ratesOf(now.total, then.total, seconds) : null;
        const threads = now.threads.map((t, i) =>
            [then.threads[i] && ratesOf(t, then.threads[i], seconds), t]);
        if (!rates || threads.some(([r]) => !r))
            return null;
        const causes = {};
        for (const name of ["refusals_total", "timeouts_total"])
            causes[name] = Object.fromEntries(Object.entries(now.total[name]).map(
                ([cause, count]) => [cause, (count - then.total[name][cause]) / seconds]));
        return {...rates, total: now.total, threads, causes,
                buffers: now.buffers_of_a_thread * now.threads.length};
    };

    const age = (seconds) => {
        const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
        const first = parts.findIndex(([n]) => seconds >= n);
        return parts.slice(first < 0 ? 3 : first).slice(0, 2).map(([n, unit], i, list) =>
            `${Math.floor(i ? seconds % list[0][0] / n : seconds / n)} ${unit}`).join(" ");
    };

    const state = (name, text) => {
        if ($("state").dataset.state === name && $("state").textContent === text)
            return;
        $("state").dataset.state = name;
        $("state").textContent = text;
    };

    const receive = (now) => {
        const same = last && last.pid === now.pid && last.started_seconds === now.started_seconds;
        const point = same ? pointOf(now, last) : null;
        if (last && !same)
            restarts++;
        if (point || points.length)
            points.push(point);
        if (cursor && cursor < POINTS - 1)
            cursor++; // it stays at its second
        points.splice(0, points.length - POINTS);
        last = now;
        state("live", paused ? "paused" : "live");
        $("facts").textContent = `${now.serving} · ${now.threads.length} ` +
            `thread${now.threads.length > 1 ? "s" : ""} · up ${age(now.time_seconds)} · ` +
            `version ${now.version} · process ${now.pid}` +
            (restarts ? ` · ${restarts} restart${restarts > 1 ? "s" : ""} seen` : "");
        $("kernel").textContent = `on the kernel ${now.kernel}`;
        $("why").textContent = now.why;
        if (!paused)
            draw();
    };

    const connect = () => {
        if (source)
            source.close();
        heard = performance.now();
        source = new EventSource("events");
        source.onmessage = (event) => {
            heard = performance.now();
            receive(JSON.parse(event.data));
        };
        source.onerror = () => state("lost", "the server does not answer; asking again");
    };

    const look = (to) => {
        cursor = Math.max(0, Math.min(to, points.length - 1));
        draw();
    };

    const pause = () => {
        paused = !paused;
        $("pause").setAttribute("aria-pressed", String(paused));
        $("pause").textContent = paused ? "Go on" : "Pause";
        if (last)
            state($("state").dataset.state, paused ? "paused" : "live");
        if (!paused)
            look(0);
    };

    const keys = {
        ArrowLeft: () => look(cursor + 1),
        ArrowRight: () => look(cursor - 1),
        Home: () => look(points.length - 1),
        End: () => look(0),
        Escape: () => look(0),
    };

    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.altKey || event.metaKey)
            return;
        if (event.key === "p" || event.key === "P")
            pause();
        else if (keys[event.key] && !event.target.closest(".scroll")) {
            keys[event.key]();
            event.preventDefault();
        }
    });
    $("pause").addEventListener("click", pause);
    $("charts").addEventListener("pointermove", (event) => {
        const svg = event.target.closest(".card")?.querySelector("svg");
        if (!svg || event.pointerType !== "mouse")
            return;
        const box = svg.getBoundingClientRect();
        const part = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
        look(Math.round((1 - part) * width));
    });
    $("charts").addEventListener("pointerleave", () => look(0));
    setInterval(() => {
        if (source.readyState === EventSource.CLOSED || performance.now() - heard > PATIENCE_MS)
            connect();
    }, 1000);
    narrow.addEventListener("change", draw);
    connect();
})();
