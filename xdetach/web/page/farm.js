// The farm page: cards of sessions and images that follow what the server says.

import { act, base, bytes, command, doing, duration, farm, Lost, picture, Rates, result } from "./glckpt.js";

const LOOK_MS = 1000;
const PICTURE_MS = 2000; // and longer where there are many
const FIRST_IMAGES = 24;

const $ = (selector, inside = document) => inside.querySelector(selector);
const rates = new Rates();
let known = { sessions: [], images: [] };
let allImages = false;

// ---- small things ----

function text(element, value) {
    if (element.textContent !== value)
        element.textContent = value;
}

/** A text of one line, whole in its tooltip. */
function line(element, value) {
    text(element, value);
    element.title = value;
}

const join = (facts) => facts.filter(Boolean).join(" · ");

function matches(item) {
    const wanted = $("#filter").value.trim().toLowerCase();
    return !wanted || `${item.name} ${command(item.command)}`.toLowerCase().includes(wanted);
}

// ---- cards ----

class Card {
    busy = null; // what it is doing: {action, since}
    shown = 0; // when its picture was last taken

    constructor(kind, template) {
        this.kind = kind;
        this.element = $(`#${template}`).content.firstElementChild.cloneNode(true);
        this.image = $("img", this.element);
        this.element.addEventListener("click", (event) => this.clicked(event));
        eyes.observe(this.element);
    }

    what() {
        return this.kind === "session" ? { session: this.item.name } : { image: this.item.path };
    }

    update(item) {
        this.item = item;
        line($("h3", this.element), this.title());
        line($(".command", this.element), command(item.command));
        line($(".facts", this.element), this.facts());
        $(".picture", this.element).classList.toggle("blind", !this.hasPicture());
        this.element.dataset.name = item.name;
        this.updateBusy();
    }

    updateBusy() {
        const busy = this.busy;
        this.element.classList.toggle("busy", !!busy);
        for (const button of this.element.querySelectorAll("button[data-action]"))
            button.disabled = !!busy || this.restless();
        if (busy)
            this.say(`${doing[busy.action]} … ${duration((Date.now() - busy.since) / 1000)}`, "busy");
    }

    say(sentence, kind = "") {
        const place = $(".say", this.element);
        place.hidden = !sentence;
        place.className = `say ${kind}`;
        text($("span", place), sentence);
    }

    clicked(event) {
        if (event.target.closest(".close"))
            this.say("");
        const action = event.target.closest("button[data-action]")?.dataset.action;
        if (action)
            this.press(action);
    }

    async press(action) {
        const more = await confirm(action, this.item);
        if (!more)
            return;
        this.busy = { action, since: Date.now() };
        this.updateBusy();
        try {
            const value = await act(action, { ...this.what(), ...more });
            this.busy = null;
            this.say(result(action, value), "good");
        } catch (error) {
            this.busy = null;
            this.say(error.message, "bad");
        }
        this.updateBusy();
        look();
    }

    // A picture that cannot be had just now leaves the last one.
    async showPicture() {
        this.shown = performance.now();
        const blob = await picture({ ...this.what(), ...this.version() });
        if (!blob)
            return;
        const old = this.image.src, url = URL.createObjectURL(blob);
        const next = new Image();
        next.src = url;
        await next.decode();
        this.image.src = url;
        this.image.hidden = false;
        if (old)
            URL.revokeObjectURL(old);
    }

    remove() {
        eyes.unobserve(this.element);
        if (this.image.src)
            URL.revokeObjectURL(this.image.src);
        this.element.remove();
    }
}

class SessionCard extends Card {
    constructor() {
        super("session", "session");
    }

    update(session) {
        super.update(session);
        const state = $(".state", this.element), display = !!session.display;
        text(state, session.state);
        state.dataset.state = session.state;
        for (const link of this.element.querySelectorAll("a")) {
            if (display)
                link.href = `view.html#${encodeURIComponent(session.name)}`;
            else
                link.removeAttribute("href");
        }
        $(".view", this.element).hidden = !display;
    }

    title() {
        return this.item.name;
    }

    facts() {
        const { cpu, fps } = rates.of(this.item), last = this.item.last_checkpoint;
        return join([
            Number.isFinite(fps) && `${fps.toFixed(fps < 10 ? 1 : 0)} frames/s`,
            `up ${duration(this.item.uptime_s)}`,
            bytes(this.item.memory),
            Number.isFinite(cpu) && `${Math.round(cpu * 100)} % CPU`,
            this.item.display && `${this.item.display.width}×${this.item.display.height}`,
            last?.time && `kept ${duration(Date.now() / 1000 - last.time)} ago`,
        ]);
    }

    restless() {
        return this.item.state !== "running";
    }

    hasPicture() {
        return !!this.item.display;
    }

    version() {
        return {};
    }

    wantsPicture(interval) {
        return this.hasPicture() && this.item.state === "running"
            && performance.now() - this.shown > interval;
    }
}

class ImageCard extends Card {
    constructor() {
        super("image", "image");
    }

    title() {
        return this.item.name;
    }

    facts() {
        return join([
            `${duration(Date.now() / 1000 - this.item.time)} ago`,
            bytes(this.item.bytes),
            known.host && this.item.host !== known.host && `from ${this.item.host}`,
            base(this.item.path),
        ]);
    }

    update(image) {
        super.update(image);
        $(".facts", this.element).title = `${image.path}\n${image.created}`;
    }

    restless() {
        return false;
    }

    hasPicture() {
        return this.item.picture;
    }

    version() {
        return { id: this.item.id };
    }

    wantsPicture() {
        return this.hasPicture() && !this.shown;
    }
}

// ---- lists of cards ----

class List {
    cards = new Map();

    constructor(id, make, key) {
        this.element = $(`#${id}`);
        this.section = this.element.closest("section");
        this.make = make;
        this.key = key;
    }

    show(items, count) {
        const wanted = new Set(items.map(this.key));
        for (const [key, card] of this.cards)
            if (!wanted.has(key)) {
                card.remove();
                this.cards.delete(key);
            }
        items.forEach((item, place) => this.put(item, place));
        text($(".count", this.section), count ? String(count) : "");
        $(".empty", this.section).hidden = items.length > 0;
    }

    put(item, place) {
        const key = this.key(item);
        if (!this.cards.has(key))
            this.cards.set(key, this.make());
        const card = this.cards.get(key);
        if (this.element.children[place] !== card.element)
            this.element.insertBefore(card.element, this.element.children[place] ?? null);
        card.update(item);
    }
}

// Cards that are on the screen.
const seen = new Set();
const eyes = new IntersectionObserver((entries) => {
    for (const entry of entries)
        seen[entry.isIntersecting ? "add" : "delete"](entry.target);
});

const sessions = new List("sessions", () => new SessionCard(), (session) => session.name);
const images = new List("images", () => new ImageCard(), (image) => image.path);

function show() {
    const running = known.sessions.filter(matches);
    const kept = known.images.filter(matches).sort((a, b) => b.time - a.time || (a.path < b.path ? 1 : -1));
    const first = allImages ? kept : kept.slice(0, FIRST_IMAGES);
    sessions.show(running, known.sessions.length);
    images.show(first, known.images.length);
    $("#more").hidden = first.length === kept.length;
    text($("#more"), `Show all ${kept.length}`);
    text($("#host"), known.host ?? "");
    text($("#summary"), summary());
    document.title = known.host ? `${known.sessions.length} on ${known.host} – glckpt` : "glckpt";
}

function summary() {
    const size = known.images.reduce((sum, image) => sum + image.bytes, 0);
    return join([known.sessions.length && `${known.sessions.length} running`,
        known.images.length && `${bytes(size)} of images`]);
}

// ---- asking before what cannot be taken back ----

function freeName(name) {
    const taken = new Set(known.sessions.map((session) => session.name));
    for (let number = 2; ; number++)
        if (!taken.has(`${name}-${number}`))
            return `${name}-${number}`;
}

/** What is to be sent along, or null where the user thinks better of it. */
async function confirm(action, item) {
    if (action === "kill")
        return question(`End ${item.name}?`, "What it has not written is lost. Its images stay.", "Kill");
    const taken = action === "restore" && known.sessions.some((session) => session.name === item.name);
    if (!taken)
        return {};
    return question(`${item.name} runs already.`, "A copy of it needs another name:", "Restore",
        freeName(item.name));
}

function question(sentence, consequence, yes, name) {
    const dialog = $("#ask"), input = $(".name", dialog);
    text($(".question", dialog), sentence);
    text($(".consequence", dialog), consequence);
    text($(".yes", dialog), yes);
    $(".yes", dialog).classList.toggle("danger", !name);
    input.hidden = input.disabled = !name;
    input.required = !!name;
    input.value = name ?? "";
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
        dialog.addEventListener("close", () => {
            const said = dialog.returnValue === "yes";
            resolve(said ? (name ? { name: input.value } : {}) : null);
        }, { once: true });
    });
}

// ---- looking again and again, while somebody looks at the page ----

function lose(error) {
    const lost = $("#lost");
    lost.hidden = !error;
    text(lost, error ? error.message : "");
    document.body.classList.toggle("stale", !!error);
}

let looking = null;

function look() {
    looking ??= (async () => {
        try {
            known = await farm();
            lose(null);
            show();
        } catch (error) {
            lose(error);
        }
    })().finally(() => { looking = null; });
    return looking;
}

async function showPictures() {
    const cards = [...sessions.cards.values(), ...images.cards.values()]
        .filter((card) => seen.has(card.element));
    const interval = Math.max(PICTURE_MS, 150 * cards.length);
    for (const card of cards.filter((one) => one.wantsPicture(interval)))
        await card.showPicture().catch(() => {});
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function follow(step, ms) {
    for (;;) {
        if (document.visibilityState === "visible")
            await step();
        await pause(ms);
    }
}

document.addEventListener("visibilitychange", look);
$("#filter").addEventListener("input", show);
$("#more").addEventListener("click", () => { allImages = true; show(); });
$("#another").addEventListener("click", async () => {
    try {
        const { url } = await act("address", {});
        prompt("Good once, for another browser:", url);
    } catch (error) {
        lose(error);
    }
});

follow(look, LOOK_MS);
follow(showPictures, 200);
