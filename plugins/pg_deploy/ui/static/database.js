// The charts. uPlot draws them from the server's figures, and again when the colours or the size change.
"use strict";
(() => {
    const AGAIN_MS = 60000;
    const HEIGHT = 200;
    const LINES = {
        light: ["#2f7fd1", "#b45309", "#0f766e", "#7c3aed", "#be185d", "#4d7c0f", "#475569", "#9f1239"],
        dark: ["#5fa8ee", "#f0a35e", "#4fd1c5", "#b794f4", "#f687b3", "#a3d977", "#cbd5e1", "#fda4af"],
    };
    // A clock of 24 hours. The day is written below the hour at which it changes.
    const TIMES = [
        [86400, "{DD} {MMM}", null, null, null, null, null, null, 1],
        [60, "{HH}:{mm}", null, null, "\n{DD} {MMM}", null, null, null, 1],
        [1, "{HH}:{mm}:{ss}", null, null, "\n{DD} {MMM}", null, null, null, 1],
    ];
    const page = document.getElementById("page");
    const holder = document.getElementById("charts");
    if (!holder) {
        return;
    }
    let latest = null;
    let drawn = [];

    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    const pad = (number) => String(number).padStart(2, "0");
    const moment = (seconds) => {
        const at = new Date(seconds * 1000);
        return `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())} ${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())} UTC`;
    };
    const figure = (value) => (value === null || value === undefined ? "–" : value >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3))));
    const make = (tag, text, attributes = {}) => {
        const made = document.createElement(tag);
        made.textContent = text;
        Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
        return made;
    };

    const marks = (chart) => (plot) => {
        const context = plot.ctx;
        const { left, top, width, height } = plot.bbox;
        const ratio = window.devicePixelRatio || 1;
        context.save();
        context.beginPath();
        context.rect(left, top, width, height);
        context.clip();
        context.lineWidth = 1.5 * ratio;
        for (const one of latest.deployments) {
            const at = plot.valToPos(one.at, "x", true);
            context.strokeStyle = colour(one.tone === "wait" ? "wait" : one.tone);
            context.beginPath();
            context.moveTo(at, top);
            context.lineTo(at, top + height);
            context.stroke();
        }
        if (chart.limit !== null) {
            const at = plot.valToPos(chart.limit, "y", true);
            context.strokeStyle = colour("bad");
            context.setLineDash([6 * ratio, 4 * ratio]);
            context.beginPath();
            context.moveTo(left, at);
            context.lineTo(left + width, at);
            context.stroke();
        }
        context.restore();
    };

    const range = (chart) => (_plot, low, high) => {
        const values = [low, high, chart.limit].filter((one) => one !== null && one !== undefined && Number.isFinite(one));
        const most = Math.max(...values, 0);
        const least = Math.min(...values);
        // A ratio near 100 % would show nothing on a scale from 0.
        return chart.unit === "%" ? [Math.max(0, Math.floor(least - 3)), 100.5] : [0, most > 0 ? most * 1.1 : 1];
    };

    const draw = (chart, box) => {
        const colours = LINES[document.documentElement.classList.contains("dark") ? "dark" : "light"];
        const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "12px sans-serif" };
        const options = {
            width: Math.max(260, box.clientWidth),
            height: HEIGHT,
            tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
            scales: { x: { time: true, range: () => [latest.since, latest.until] }, y: { range: range(chart) } },
            axes: [{ ...axis, values: TIMES }, { ...axis, size: 56, values: (_plot, ticks) => ticks.map(figure) }],
            series: [
                { label: "at", value: (_plot, value) => (value === null || value === undefined ? "" : moment(value)) },
                ...chart.lines.map((line, at) => ({
                    // Nearly everything is in public, and a legend has little room.
                    label: line.label.replace(/^public\./, ""),
                    stroke: colours[at % colours.length],
                    width: 1.5,
                    spanGaps: false,
                    points: { show: chart.x.length < 60 },
                    value: (_plot, value) => (value === null || value === undefined ? "" : `${figure(value)} ${chart.unit}`),
                })),
            ],
            hooks: { draw: [marks(chart)] },
        };
        return new uPlot(options, [chart.x, ...chart.lines.map((line) => line.y)], box);
    };

    const summary = (chart) =>
        chart.lines.map((line) => {
            const known = line.y.filter((value) => value !== null);
            return `${line.label}: ${figure(Math.min(...known))} to ${figure(Math.max(...known))} ${chart.unit}, last ${figure(known[known.length - 1])}`;
        });

    // Deployments that lie closer together than a finger is wide share a knob, which leads to the list.
    const KNOB = 30;
    const timeline = () => {
        const strip = document.getElementById("timeline");
        strip.hidden = latest.deployments.length === 0;
        strip.replaceChildren();
        const room = strip.clientWidth - 2 * KNOB;
        const groups = new Map();
        for (const one of latest.deployments) {
            const place = Math.round(((one.at - latest.since) / (latest.until - latest.since)) * (room / KNOB));
            groups.set(place, [...(groups.get(place) || []), one]);
        }
        for (const [place, same] of groups) {
            const newest = same[same.length - 1];
            const worst = ["bad", "wait", "good"].find((tone) => same.some((one) => one.tone === tone));
            const words = same.length === 1
                ? `deployment ${newest.id}: ${newest.state}, ${moment(newest.at)}`
                : `${same.length} deployments, ${same[0].id} to ${newest.id}, until ${moment(newest.at)}`;
            const knob = make("a", same.length === 1 ? String(newest.id) : `${same.length}×`, {
                class: `knob ${worst}`,
                href: same.length === 1 ? newest.url : `${strip.dataset.list}&before=${newest.id + 1}#deployments`,
                title: words,
                "aria-label": `${same.length === 1 ? newest.id : `${same.length}×`}: ${words}`,
            });
            if (same.length === 1) {
                knob.setAttribute("data-parent", "");
            }
            knob.style.left = `${KNOB / 2 + place * KNOB}px`;
            strip.append(knob);
        }
        strip.append(make("span", moment(latest.since), { class: "from" }), make("span", moment(latest.until), { class: "to" }));
    };

    const show = () => {
        timeline();
        drawn.forEach((plot) => plot.destroy());
        drawn = [];
        holder.replaceChildren();
        const boxes = [];
        // All boxes are made first: a chart is as wide as its box, and a box as wide as its neighbours let it be.
        for (const chart of latest.charts) {
            const section = make("section", "");
            const id = `chart-${chart.name}`;
            section.setAttribute("aria-labelledby", id);
            const heading = make("h2", chart.title, { id });
            heading.append(make("span", chart.unit, { class: "note" }));
            section.append(heading);
            const box = make("div", "", { class: "chart", "data-chart": chart.name });
            section.append(box);
            holder.append(section);
            boxes.push([chart, section, box]);
        }
        for (const [chart, section, box] of boxes) {
            if (chart.x.length === 0) {
                box.append(make("p", "nothing measured in this time", { class: "nothing" }));
                continue;
            }
            const said = summary(chart);
            box.setAttribute("role", "img");
            box.setAttribute("aria-label", `${chart.title}. ${said.join("; ")}`);
            drawn.push(draw(chart, box));
            if (chart.idle) {
                section.append(make("p", `${chart.idle} more, not used in this time`, { class: "note" }));
            }
            if (chart.more) {
                section.append(make("p", `and ${chart.more} more, with lower values`, { class: "note" }));
            }
        }
        holder.setAttribute("aria-busy", "false");
    };

    const load = async () => {
        try {
            const answer = await fetch(page.dataset.series, { credentials: "same-origin" });
            const found = await answer.json();
            if (found.charts) {
                latest = found;
                show();
            } else {
                holder.replaceChildren(make("p", found.problem || found.detail || "no figures", { class: "banner" }));
                holder.setAttribute("aria-busy", "false");
            }
        } catch {
            // Airflow is being restarted: the page keeps what it shows.
        }
        window.setTimeout(load, AGAIN_MS);
    };

    let width = 0;
    new ResizeObserver(() => {
        if (latest && Math.abs(holder.clientWidth - width) > 8) {
            width = holder.clientWidth;
            show();
        }
    }).observe(holder);
    document.addEventListener("theme", () => latest && show());
    load();
})();
