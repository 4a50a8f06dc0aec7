// Links lead out of the frame, and the page of a run keeps itself up to date while the run goes on.
"use strict";
(() => {
    const EVERY_MS = 2000;

    // The frame may not navigate the page around it, so that page follows the link itself.
    document.addEventListener("click", (event) => {
        const link = event.target.closest("a[data-parent]");
        if (!link || window.parent === window || event.button !== 0) {
            return;
        }
        event.preventDefault();
        const outer = window.parent.document.createElement("a");
        outer.href = link.href;
        if (event.ctrlKey || event.metaKey || event.shiftKey) {
            outer.target = "_blank";
            outer.rel = "noopener";
        }
        outer.click();
    });

    // A choice takes effect at once. The button is for readers whose browser does not run this script.
    document.addEventListener("change", (event) => {
        if (event.target.matches("form.chooser select")) {
            event.target.form.requestSubmit();
        }
    });

    const page = document.getElementById("page");
    if (!page || page.dataset.isLive !== "yes") {
        return;
    }
    const parts = (root) => new Map([...root.querySelectorAll("[data-part]")].map((one) => [one.dataset.part, one]));
    const known = new Map([...parts(page)].map(([name, one]) => [name, one.outerHTML]));

    const replace = (old, fresh) => {
        const open = new Set([...old.querySelectorAll("details[open]")].map((one) => one.id));
        const scrolled = [...old.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
        const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
        fresh.querySelectorAll("details").forEach((one) => {
            one.open = open.has(one.id);
        });
        old.replaceWith(fresh);
        fresh.querySelectorAll(".scroll").forEach((one, at) => {
            one.scrollLeft = scrolled[at] || 0;
        });
        if (focused) {
            [...fresh.querySelectorAll("a")].find((one) => one.getAttribute("href") === focused)?.focus({ preventScroll: true });
        }
    };

    const take = (text) => {
        const fresh = new DOMParser().parseFromString(`<main>${text}</main>`, "text/html").querySelector("main");
        const now = parts(page);
        const next = parts(fresh);
        let before = null;
        for (const [name, one] of next) {
            const html = one.outerHTML;
            const old = now.get(name);
            const node = document.importNode(one, true);
            if (!old) {
                if (before) {
                    before.after(node);
                } else {
                    page.prepend(node);
                }
            } else if (known.get(name) !== html) {
                replace(old, node);
            }
            known.set(name, html);
            before = page.querySelector(`[data-part="${CSS.escape(name)}"]`);
        }
        for (const [name, one] of now) {
            if (!next.has(name)) {
                one.remove();
                known.delete(name);
            }
        }
        return fresh.querySelector(".live") !== null;
    };

    const look = async () => {
        let goesOn = true;
        try {
            const answer = await fetch(page.dataset.live, { credentials: "same-origin" });
            if (answer.ok) {
                goesOn = take(await answer.text());
            } else if (answer.status === 401 || answer.status === 403) {
                goesOn = false;
            }
        } catch {
            // Airflow is being restarted, or the network is down: the next try may succeed.
        }
        page.dataset.isLive = goesOn ? "yes" : "no";
        if (goesOn) {
            window.setTimeout(look, document.hidden ? EVERY_MS * 5 : EVERY_MS);
        }
    };
    window.setTimeout(look, EVERY_MS);
})();
