// One session: its screen by noVNC, and the buttons that concern it. The connection outlives
// checkpoints, and a stop until the session is restored.

import RFB from "./novnc/core/rfb.js";
import { act, doing, duration, farm, Rates, result, viewSocket } from "./glckpt.js";

const AGAIN_MS = 1000;
const $ = (selector) => document.querySelector(selector);
const name = decodeURIComponent(location.hash.slice(1));
const rates = new Rates();
let rfb = null;
let session = null; // as the server last described it; null: it does not run
let newest = null; // its newest image
let busy = null;

// ---- saying ----

let sayUntil = 0;

function say(sentence, kind = "", forMs = Infinity) {
    const place = $("#say");
    place.hidden = !sentence;
    place.className = `say ${kind}`;
    place.textContent = sentence;
    sayUntil = performance.now() + forMs;
}

function showFacts() {
    const { cpu, fps } = session ? rates.of(session) : {};
    $("h1").textContent = name;
    $(".state").textContent = session ? session.state : "stopped";
    $(".state").dataset.state = session ? session.state : "stopped";
    $("#facts").textContent = [
        Number.isFinite(fps) && `${fps.toFixed(fps < 10 ? 1 : 0)} frames/s`,
        Number.isFinite(cpu) && `${Math.round(cpu * 100)} % CPU`,
        session && `up ${duration(session.uptime_s)}`,
    ].filter(Boolean).join(" · ");
    document.title = `${name} – glckpt`;
}

function showButtons() {
    for (const button of document.querySelectorAll("button[data-action]")) {
        const restores = button.dataset.action === "restore";
        button.hidden = restores ? !!session || !newest : !session;
        button.disabled = !!busy || (!restores && session?.state !== "running");
    }
    if (busy)
        say(`${doing[busy.action]} … ${duration((Date.now() - busy.since) / 1000)}`, "busy");
    else if (performance.now() > sayUntil)
        say("");
}

// ---- following ----

async function look() {
    try {
        const known = await farm();
        session = known.sessions.find((one) => one.name === name) ?? null;
        newest = known.images.filter((image) => image.name === name)
            .sort((a, b) => a.time - b.time || (a.path < b.path ? -1 : 1)).pop() ?? null;
        showFacts();
        showButtons();
    } catch (error) {
        say(error.message, "bad");
    }
}

async function press(action) {
    busy = { action, since: Date.now() };
    showButtons();
    const what = action === "restore" ? { image: newest.path, name } : { session: name };
    try {
        const value = await act(action, what);
        busy = null;
        say(result(action, value), "good", 5000);
    } catch (error) {
        busy = null;
        say(error.message, "bad", 20000);
    }
    await look();
    rfb?.focus();
}

// ---- the screen ----

async function connect() {
    try {
        await act("open", { session: name });
    } catch (error) {
        if (!busy && session)
            say(error.message, "bad", 3 * AGAIN_MS);
        setTimeout(connect, AGAIN_MS);
        return;
    }
    rfb = new RFB($("#screen"), viewSocket(name), { shared: true });
    rfb.scaleViewport = true;
    rfb.background = "transparent";
    rfb.qualityLevel = 9;
    rfb.addEventListener("connect", () => {
        document.body.classList.add("connected");
        rfb.focus();
    });
    rfb.addEventListener("disconnect", () => {
        document.body.classList.remove("connected");
        rfb = null;
        setTimeout(connect, AGAIN_MS);
    });
    rfb.addEventListener("clipboard", (event) => {
        navigator.clipboard?.writeText(event.detail.text).catch(() => {});
    });
}

for (const button of document.querySelectorAll("button[data-action]"))
    button.addEventListener("click", () => press(button.dataset.action));

$("#full").addEventListener("click", async () => {
    await $("#screen").requestFullscreen();
    rfb?.focus();
});

$("#paste").addEventListener("click", async () => {
    try {
        rfb?.clipboardPasteFrom(await navigator.clipboard.readText());
        say("The session has what you copied; paste it there", "good", 3000);
    } catch {
        say("This browser does not let pages read what was copied", "bad", 5000);
    }
    rfb?.focus();
});

window.addEventListener("hashchange", () => location.reload());
look();
setInterval(() => { if (document.visibilityState === "visible") look(); }, 1000);
connect();
