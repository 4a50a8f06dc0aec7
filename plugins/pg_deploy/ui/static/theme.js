// The frame follows Airflow's colour mode: the one that the surrounding page shows, else the stored one, else the system's.
"use strict";
(() => {
    const own = document.documentElement;
    const outside = () => {
        try {
            return window.parent !== window ? window.parent.document.documentElement : null;
        } catch {
            return null;
        }
    };
    const isDark = () => {
        const outer = outside();
        if (outer && (outer.classList.contains("dark") || outer.classList.contains("light"))) {
            return outer.classList.contains("dark");
        }
        const stored = window.localStorage.getItem("theme");
        if (stored === "dark" || stored === "light") {
            return stored === "dark";
        }
        return window.matchMedia("(prefers-color-scheme: dark)").matches;
    };
    const follow = () => {
        const dark = isDark();
        if (own.classList.contains("dark") !== dark || !own.dataset.theme) {
            own.classList.toggle("dark", dark);
            own.dataset.theme = dark ? "dark" : "light";
            document.dispatchEvent(new CustomEvent("theme"));
        }
    };
    follow();
    window.addEventListener("storage", follow);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", follow);
    const outer = outside();
    if (outer) {
        new MutationObserver(follow).observe(outer, { attributes: true, attributeFilter: ["class"] });
    }
})();
